"""Plain data: the settings, and what was found out about a caller."""
