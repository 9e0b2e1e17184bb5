"""What makes a JupyterHub the platform's hub. `configure` is all that the hub's configuration calls."""

from hub_config.configuration import configure

__all__ = ["configure"]
