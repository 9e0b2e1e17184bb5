"""Pure decisions: from header, keys, claims and rules to a caller or a refusal. No clock, no network."""
