"""The entrypoint of a session's image: the session's program and, beside it, what it needs all the time."""
