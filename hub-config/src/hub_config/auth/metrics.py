"""Counters beside JupyterHub's own, on its /hub/metrics."""

from prometheus_client import Counter

LOGINS = Counter("highrate_logins", "Logins, by how they ended", ["outcome"])
LOOKS = Counter("highrate_login_checks", "Looks at the logins of people who work, by how they ended", ["outcome"])
