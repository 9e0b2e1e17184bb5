"""Pure decisions: whose token this is, what to ask the provider, what its answer is worth, how often somebody may ask."""
