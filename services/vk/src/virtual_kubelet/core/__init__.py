"""Pure decisions: no clock, no I/O, no randomness. Everything comes in as an argument, also the time."""
