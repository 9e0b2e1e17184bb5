"""Plain data that the parts of the sidecar hand to each other."""
