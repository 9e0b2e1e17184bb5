"""The running service: the table of pods, and the loops that move pods along."""
