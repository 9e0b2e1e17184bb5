"""interLink: the wire protocol (`interlink.protocol`) and the API server (`interlink.server`)."""
