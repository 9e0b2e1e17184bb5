"""Plain data: the settings, who calls with which login, what was granted, and why a call is refused."""
