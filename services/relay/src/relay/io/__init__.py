"""The outside: calls that arrive, connections that become streams, the file with the keys."""
