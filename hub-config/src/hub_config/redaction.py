"""No token in the hub's log. A net under everything: KubeSpawner prints a pod that Kubernetes refuses, with its environment."""

import logging
import re

_SECRETS = (
    # JWTs
    re.compile(r"()eyJ[\w-]{8,}(?:\.[\w-]*)+"),
    # an address that a log-in came back to; what IAM sends there opens a session
    re.compile(r"([?&](?:code|state|token)=)[^&\s'\"]+"),
    # a variable in a pod, as Python or YAML writes it
    re.compile(r"((?:JUPYTERHUB|JPY)_API_TOKEN['\"]?\s*[,:=]\s*(?:['\"]?value['\"]?\s*[:=]\s*)?['\"]?)\w{16,}"),
    # fields of a token endpoint's answers and requests
    re.compile(r"((?:access_token|refresh_token|id_token|client_secret)['\"]?\s*[:=]\s*['\"]?)[\w.~+/-]{8,}"),
)
_LOGGERS = ("JupyterHub", "tornado.application", "tornado.general", "tornado.access", "traitlets")


class Redacting(logging.Filter):
    """Replaces what looks like a secret in the finished message."""

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        clean = redacted(message)
        if clean != message:
            record.msg, record.args = clean, None
        return True


def redacted(text: str) -> str:
    for secret in _SECRETS:
        text = secret.sub(r"\1[redacted]", text)
    return text


def install() -> None:
    """For every logger that the hub's parts write to; a filter of a logger isn't inherited by those below it."""
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        if not any(isinstance(known, Redacting) for known in logger.filters):
            logger.addFilter(Redacting())
