"""The platform on one machine: a real Kubernetes, a real HTCondor site, a real OpenID provider."""
