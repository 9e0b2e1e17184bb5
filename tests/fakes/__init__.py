"""Servers that speak the real protocols and fail on demand, for faults that real parts won't produce."""
