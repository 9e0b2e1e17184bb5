"""Where the Kubernetes of the platform comes from: made here (embedded), by kind in Docker, or somebody's own (existing)."""
