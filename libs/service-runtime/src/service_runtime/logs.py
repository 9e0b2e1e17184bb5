"""Logs: one JSON line per event on standard error, with stable keys, and a net that catches what must not be written.

Code never logs payloads, environment values or tokens; the redaction here is for the day when an exception's text
holds one.
"""

import logging
import re
import sys
from typing import Any

import structlog
from structlog.typing import EventDict, WrappedLogger

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
REDACTED = "[redacted]"

# keys whose values are secrets by their name, wherever they turn up in an event
_SECRET_KEY = re.compile(r"(?i)(^|_)(token|password|secret|authorization|cookie|private_key)s?$")
# shapes that are secrets by their look: JWTs, bearer headers, URL credentials, PEM private keys; what begins as a JWT is taken as
# one, since a pattern that gave up at the end of a long word would begin again within it
_SECRET_SHAPES = re.compile(
    r"eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)*"
    r"|(?i:bearer|basic)\s+[A-Za-z0-9._~+/=-]{16,}"
    r"|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)",
    re.DOTALL,
)


def redact(value: Any) -> Any:
    """`value` with everything that looks like a credential replaced, also inside containers."""
    if isinstance(value, str):
        return _SECRET_SHAPES.sub(REDACTED, value)
    if isinstance(value, bytes):
        return redact(value.decode("utf-8", "replace"))
    if isinstance(value, dict):
        return {k: REDACTED if _SECRET_KEY.search(str(k)) else redact(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redact(v) for v in value]
    if isinstance(value, BaseException):
        return redact(f"{type(value).__name__}: {value}")
    # whatever else is written as its text in the end: an address with a password in it, an object that shows its fields
    return value if value is None or isinstance(value, int | float) else redact(str(value))


def _redact_event(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    # keys with an underscore in front are structlog's own and don't get into the line
    return {k: v if k.startswith("_") else REDACTED if _SECRET_KEY.search(k) else redact(v) for k, v in event.items()}


def configure_logs(service: str, level: str = "info") -> None:
    """Send structlog's and the standard library's records of this process to standard error as JSON lines."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        structlog.processors.format_exc_info,
        structlog.stdlib.ExtraAdder(),
        _redact_event,
    ]
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                lambda _logger, _method, event: {"service": service, **event},
                structlog.processors.JSONRenderer(default=str),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(LEVELS[level])
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)


def follow_go_keys(verbose: bool, errors_only: bool) -> None:
    """The level by interLink's two keys, as its Go programs read them: verbose wins, neither leaves the level as it is."""
    if verbose or errors_only:
        logging.getLogger().setLevel(logging.DEBUG if verbose else logging.ERROR)


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger whose calls are `log.info("thing.happened", pod_uid=…, request=…)`: an event name and keys, no prose."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger
