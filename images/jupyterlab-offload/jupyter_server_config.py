# The gateway's proxy is the one host outside of the session that jupyter-server-proxy may lead to: dashboards are behind it.
import os
from urllib.parse import urlsplit

c = get_config()  # noqa: F821 - Jupyter's

gateway = urlsplit(os.environ.get("DASK_GATEWAY__ADDRESS", "")).hostname
c.ServerProxy.host_allowlist = ["localhost", "127.0.0.1", "::1", *([gateway] if gateway else [])]
