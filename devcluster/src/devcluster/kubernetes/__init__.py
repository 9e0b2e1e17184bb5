"""A real Kubernetes in one machine: unmodified upstream programs, one node."""
