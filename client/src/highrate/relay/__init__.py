"""Dask's transport `relay://`: workers that can only dial out are reached through the platform's relay.

Dask finds `highrate.relay.backend` by its entry point; it is the only part of this package that needs Dask, and nothing else
here imports it.

An address is `relay://ID`, or `relay://ID@NETWORK/HOST:PORT` where the listener can also be reached directly by whoever is in
the same network. What travels is Dask's own TLS, from one end to the other.
"""
