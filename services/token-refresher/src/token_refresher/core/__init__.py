"""Pure decisions: what to send to a token endpoint, what its reply is worth, when to ask again. No clock, no network."""
