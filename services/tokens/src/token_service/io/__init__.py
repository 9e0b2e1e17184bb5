"""Everything that touches the network: the hub, the provider, the callers."""
