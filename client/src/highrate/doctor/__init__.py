"""`highrate doctor`: what a session needs from the platform, each thing looked at, with what to do where it is missing."""
