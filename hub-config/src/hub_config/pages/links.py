"""Links to the spawn page that choose, but don't start: `/hub/spawn?image=KEY&cores=4&memory=8`.

JupyterHub starts a server as soon as /hub/spawn has a query: with such a link anybody could start their own image in somebody
else's name.
"""

from typing import Any

from jupyterhub.handlers.pages import SpawnHandler

# understood by JupyterHub itself
_NOT_OPTIONS = ("next", "display_name")


class LinkedSpawnHandler(SpawnHandler):  # type: ignore[misc] # JupyterHub is untyped
    linked_options: dict[str, object]

    def prepare(self) -> Any:
        """Take the options out of the query before JupyterHub acts on them."""
        query: dict[str, list[bytes]] = self.request.query_arguments
        self.linked_options = {
            name: _value(values[-1]) for name, values in query.items() if values and name not in _NOT_OPTIONS
        }
        if self.request.method == "GET":
            self.request.query_arguments = {name: values for name, values in query.items() if name in _NOT_OPTIONS}
        return super().prepare()


HANDLERS = [(path, LinkedSpawnHandler) for path in (r"/spawn", r"/spawn/([^/]+)", r"/spawn/([^/]+)/([^/]+)")]


def _value(raw: bytes) -> object:
    text = raw.decode("utf-8", "replace")
    return int(text) if text.isdecimal() and len(text) < 6 else text
