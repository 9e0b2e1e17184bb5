"""No token in the hub's log. A net under everything: KubeSpawner prints a pod that Kubernetes refuses, with its environment.

It hangs where records are made, not on loggers or handlers: a filter of a logger isn't inherited by those below it, libraries
have loggers of their own, asyncio's reports what nobody caught, and a handler may be added at any time.
"""

import logging
import re
from typing import Any

_SECRETS = (
    # JWTs; without a dot as well, since a pattern that gave up at the end of a long word would begin again within it
    re.compile(r"()eyJ[\w-]{8,}(?:\.[\w-]*)*"),
    # an address that a log-in came back to; what IAM sends there opens a session
    re.compile(r"([?&](?:code|state|token)=)[^&\s'\"]+"),
    # a variable in a pod, as Python or YAML writes it
    re.compile(r"((?:JUPYTERHUB|JPY)_API_TOKEN['\"]?\s*[,:=]\s*(?:['\"]?value['\"]?\s*[:=]\s*)?['\"]?)\w{16,}"),
    # fields of a token endpoint's answers and requests
    re.compile(r"((?:access_token|refresh_token|id_token|client_secret)['\"]?\s*[:=]\s*['\"]?)[\w.~+/-]{8,}"),
    # a header, as a client's error shows the headers of its request
    re.compile(r"(?i)(authorization['\"]?\s*[,:=]\s*['\"]?(?:bearer|basic|token)\s+)[\w.~+/=-]{8,}"),
)
_FORMATTER = logging.Formatter()


class RedactedRecord(logging.LogRecord):
    """A record whose message, traceback and stack are without what looks like a secret, whoever writes it and however."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        try:
            message = self.getMessage()
        except Exception:  # noqa: BLE001 # an argument's own text may raise anything; logging would print the arguments as they are
            asked = self.msg if isinstance(self.msg, str) else type(self.msg).__name__
            message = self.msg = f"{asked} (a message whose arguments don't fit)"
            self.args = None
        clean = redacted(message)
        if clean != message:
            self.msg, self.args = clean, None
        if self.exc_info:
            traceback = _FORMATTER.formatException(self.exc_info)
            clean = redacted(traceback)
            if clean != traceback:
                # every formatter writes exc_text, and makes none of its own where there is no exc_info
                self.exc_text, self.exc_info = clean, None
        if self.stack_info:
            self.stack_info = redacted(self.stack_info)


def redacted(text: str) -> str:
    for secret in _SECRETS:
        text = secret.sub(r"\1[redacted]", text)
    return text


def install() -> None:
    """For everything that this process logs from now on."""
    logging.setLogRecordFactory(RedactedRecord)
