"""What our parts announce beyond interLink 0.6, in a response header of the ping. A caller uses only what was announced."""

from collections.abc import Iterable

FEATURES_HEADER = "InterLink-Features"
SESSION_HEADER = "InterLink-Http-Session"
REFUSAL_HEADER = "InterLink-Refusal"
"""The words of a reply that refuses a WebSocket, percent-encoded: clients of WebSockets drop its body."""

STATUS_BATCH = "status-batch"
"""`/status` takes any number of pods with metadata only and answers each by UID."""
LIST = "list"
"""`GET /pods?node=NAME` gives every pod that the plugin holds for a node."""
RETRY_CREATE = "retry-create"
"""`/create` is idempotent by UID; 503 with Retry-After means that nothing was done."""

WATCH = "watch"
"""`GET /watch?node=NAME` streams statuses as they change, one JSON object a line."""
UPDATE = "update"
"""`POST /update` takes a create's message of a pod that runs: new content of its volumes, labels, annotations, deadline, and
ephemeral containers, which a create never has."""
EXEC = "exec"
"""`GET /exec` is a WebSocket that runs a command in a container, or attaches to it (interlink.protocol.exec)."""
STATS = "stats"
"""`GET /stats?node=NAME` gives what the containers of running pods use."""


def parse_features(header: str | None) -> frozenset[str]:
    """The names in a features header; the empty set where there is none."""
    return frozenset(name.strip() for name in (header or "").split(",") if name.strip())


def format_features(names: Iterable[str]) -> str:
    """The header's value."""
    return ", ".join(sorted(names))
