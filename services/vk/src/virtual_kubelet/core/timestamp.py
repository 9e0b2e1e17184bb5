"""Times as the Kubernetes API writes them."""

from datetime import UTC, datetime

from interlink.protocol.types import ZERO_TIME


def rfc3339(seconds: float) -> str:
    """Unix seconds as `metav1.Time`."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def rfc3339_micro(seconds: float) -> str:
    """Unix seconds as `metav1.MicroTime`, for leases."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def unix_time(value: object) -> float | None:
    """`value` as Unix seconds; None if it is no time."""
    if not isinstance(value, str):
        return None
    try:
        parsed = datetime.fromisoformat(value)
        return parsed.timestamp() if parsed.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def normal_time(value: object) -> str | None:
    """`value` as the API server gives it back (UTC, whole seconds); None if it is no time, or Go's "not set"."""
    if not isinstance(value, str) or value == ZERO_TIME or "T" not in value:
        return None
    seconds = unix_time(value)
    try:
        return None if seconds is None else rfc3339(seconds)
    except (ValueError, OverflowError, OSError):
        return None
