"""Wiring into dask-gateway-server: backend, options, routes, authentication."""
