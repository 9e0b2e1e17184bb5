"""Pure decisions: what a ticket is worth, who has which place, how much somebody may hold, how fast data may flow."""
