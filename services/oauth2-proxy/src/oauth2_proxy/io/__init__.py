"""Everything that touches the network: issuers' keys, the listening side, the upstream."""
