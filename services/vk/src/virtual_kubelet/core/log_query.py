"""The query of `kubectl logs` (`v1.PodLogOptions`) as the kubelet port gets it, checked as a kubelet does."""

from collections.abc import Mapping
from dataclasses import dataclass

from interlink.protocol.types import ZERO_TIME, LogOptions

from virtual_kubelet.core.timestamp import normal_time

_TRUE, _FALSE = frozenset({"true", "1", "t"}), frozenset({"false", "0", "f", ""})


class LogQueryError(ValueError):
    """The query makes no sense; the text says why."""


@dataclass(frozen=True, slots=True)
class LogQuery:
    """What to ask the other side for, and what is left to do here because its protocol can't say it."""

    options: LogOptions
    nothing: bool = False
    """`--tail=0` without following: the protocol's 0 would mean everything."""
    cut_at: int | None = None
    """Bytes after which to stop; the protocol excludes a byte limit together with a tail."""


def log_query(query: Mapping[str, str], now: str) -> LogQuery:
    """Read the query. `now` stands in for `--tail=0 --follow`. Raises LogQueryError."""
    tail, limit = _number(query, "tailLines", 0), _number(query, "limitBytes", 1)
    seconds, since = _number(query, "sinceSeconds", 1), query.get("sinceTime") or None
    if seconds is not None and since is not None:
        raise LogQueryError("at most one of sinceTime or sinceSeconds may be specified")
    if since is not None and normal_time(since) is None:
        raise LogQueryError(f'sinceTime "{since}" is not an RFC 3339 time')
    follow = _flag(query, "follow")
    only_new = tail == 0 and follow
    options = LogOptions(
        Tail=tail or 0,
        Bytes=0 if tail else limit or 0,
        Timestamps=_flag(query, "timestamps"),
        Follow=follow,
        Previous=_flag(query, "previous"),
        SinceSeconds=0 if only_new else seconds or 0,
        SinceTime=now if only_new else since or ZERO_TIME,
    )
    return LogQuery(options, nothing=tail == 0 and not follow, cut_at=limit)


def _number(query: Mapping[str, str], key: str, minimum: int) -> int | None:
    text = query.get(key)
    if not text:
        return None
    try:
        value = int(text)
    except ValueError:
        raise LogQueryError(f'{key} "{text}" is not a number') from None
    if value < minimum:
        raise LogQueryError(f"{key} must be at least {minimum}")
    return value


def _flag(query: Mapping[str, str], key: str) -> bool:
    text = query.get(key, "").lower()
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise LogQueryError(f'{key} "{query[key]}" is neither true nor false')
