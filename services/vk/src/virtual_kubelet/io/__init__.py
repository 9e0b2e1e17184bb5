"""The outside: the Kubernetes API, the kubelet port, certificates."""
