# The gateway's proxy is the one host outside of the session that jupyter-server-proxy may lead to: dashboards are behind it.
import os

from highrate.session.proxied_hosts import ProxiedHosts

c = get_config()  # noqa: F821 - Jupyter's

c.ServerProxy.host_allowlist = ProxiedHosts(os.environ)
