"""The outside: Kubernetes, the hub, files."""
