"""Where jupyter-server-proxy may lead: to the session itself, and by the gateway to the dashboards of the user's own clusters.

What it leads to comes from the session's address, so a page there may use the session: terminals, files, tokens. Somebody else's
cluster could show a page of their making to whoever follows a link. Which clusters are the user's, the gateway knows.
"""

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlsplit

OWN = frozenset(("localhost", "127.0.0.1", "::1"))
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")
_AMBIGUOUS = re.compile(r"[\\?#%]")
_SECONDS = 3.0
"""For the gateway's answer, during which the session's server waits."""
_GOOD_FOR = 60.0
_ASK_AGAIN = 2.0
_AFTER_A_FAILURE = 30.0
"""A gateway that hangs must not hold up the session's server again and again."""
_LARGEST = 1 << 20


class ProxiedHosts:
    """jupyter-server-proxy's `host_allowlist`. `clock` is in seconds."""

    def __init__(self, environ: Mapping[str, str], clock: Callable[[], float] = time.monotonic) -> None:
        address = urlsplit(environ.get("DASK_GATEWAY__ADDRESS", ""))
        self._host, self._port = address.hostname or "", address.port or 80
        self._path = address.path.rstrip("/")
        self._reachable = address.scheme == "http"
        self._token = environ.get("JUPYTERHUB_API_TOKEN", "")
        self._clock = clock
        self._clusters: frozenset[str] = frozenset()
        self._good_until = self._ask_at = float("-inf")

    def __call__(self, handler: Any, host: str) -> bool:
        """Whether `handler`, of jupyter-server-proxy, may ask `host` for what its own path says."""
        if host in OWN:
            return True
        if host != self._host or not self._reachable or handler.absolute_url:
            return False
        _, port, path = handler.path_args
        cluster = self._cluster(path)
        return int(port) == self._port and cluster is not None and self._is_own(cluster, handler.log)

    def _cluster(self, path: str) -> str | None:
        """Whose dashboard is at `path`; None where it is something else, or nobody knows what others make of it."""
        start = f"{self._path}/clusters/"
        name, slash, rest = path.removeprefix(start).partition("/")
        if not path.startswith(start) or not slash or not _NAME.fullmatch(name):
            return None
        return None if {".", ".."} & set(rest.split("/")) or _AMBIGUOUS.search(rest) else name

    def _is_own(self, cluster: str, log: Any) -> bool:
        now = self._clock()
        if (cluster not in self._clusters or now >= self._good_until) and now >= self._ask_at:
            try:
                self._clusters, self._good_until = frozenset(self._ask()), now + _GOOD_FOR
                self._ask_at = now + _ASK_AGAIN
            except (OSError, ValueError, HTTPException) as error:
                self._ask_at = self._clock() + _AFTER_A_FAILURE
                log.warning("The gateway doesn't say whose clusters these are: %s", error)
        return cluster in self._clusters and now < self._good_until

    def _ask(self) -> Sequence[str]:
        """The names of the user's clusters. Raises OSError, ValueError, HTTPException."""
        connection = HTTPConnection(self._host, self._port, timeout=_SECONDS)
        try:
            headers = {"Authorization": f"jupyterhub {self._token}"}
            connection.request("GET", f"{self._path}/api/v1/clusters/", headers=headers)
            response = connection.getresponse()
            if response.status != 200:
                raise ValueError(f"it answers {response.status}")
            found = json.loads(response.read(_LARGEST))
        finally:
            connection.close()
        return list(found) if isinstance(found, dict) else []
