"""What the caller of a path of the kubelet port must be allowed to do, as a kubelet decides it (KEP-2862).

A SubjectAccessReview of `nodes/SUBRESOURCE` for this node; where a path has two, either is enough.
"""

_STATS, _METRICS, _LOG, _PODS, _HEALTH, _PROXY = "stats", "metrics", "log", "pods", "healthz", "proxy"

_ONE = {"/stats": _STATS, "/metrics": _METRICS, "/logs": _LOG}
_OR_PROXY = {"/pods": _PODS, "/runningpods": _PODS, "/healthz": _HEALTH}
_RUNNING = ("/exec", "/attach", "/portForward", "/run")
_VERBS = {"POST": "create", "GET": "get", "HEAD": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


def subresources(path: str) -> tuple[str, ...]:
    """Of `nodes`, the ones that open `path`: asked for in this order until one is granted."""
    for prefix, subresource in _ONE.items():
        if _is_below(path, prefix):
            return (subresource,)
    for prefix, subresource in _OR_PROXY.items():
        if _is_below(path, prefix):
            return (subresource, _PROXY)
    return (_PROXY,)


def verb(method: str, path: str) -> str:
    """The verb of a call; a stranger method needs the most.

    A kubelet goes by the method alone, so that whoever may read logs may run commands over a WebSocket, which begins with GET;
    here, running something is never reading.
    """
    if any(_is_below(path, prefix) for prefix in _RUNNING):
        return "create"
    return _VERBS.get(method, "create")


def _is_below(path: str, prefix: str) -> bool:
    return path == prefix or path.startswith(f"{prefix}/")
