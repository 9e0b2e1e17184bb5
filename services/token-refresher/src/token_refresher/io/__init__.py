"""Token endpoints and files."""
