"""Plain data: the settings, and what an issuer granted."""
