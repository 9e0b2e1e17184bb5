"""Where a browser finds a cluster's dashboard: through the session, whose server knows who is allowed.

JupyterHub leads to the session, `jupyter-server-proxy` in it to the gateway. Such an address is also what the Dask side panel
takes without a detour of its own.
"""

from collections.abc import Mapping
from urllib.parse import urlsplit


def through_the_session(gateway: str, cluster: str, environ: Mapping[str, str]) -> str | None:
    """The path on the hub's address; None outside of sessions, and where the gateway is reached by https.

    jupyter-server-proxy has no way to another host by https.
    """
    prefix, parts = environ.get("JUPYTERHUB_SERVICE_PREFIX", ""), urlsplit(gateway)
    if not prefix or parts.scheme != "http" or not parts.hostname:
        return None
    path = parts.path.rstrip("/")
    return f"{prefix.rstrip('/')}/proxy/{parts.hostname}:{parts.port or 80}{path}/clusters/{cluster}/status"
