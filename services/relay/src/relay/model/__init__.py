"""Plain data: the settings, what a ticket says, and why a call is refused."""
