"""What a session is made of, and what may be chosen."""
