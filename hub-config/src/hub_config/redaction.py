"""No token in the hub's log. A net under everything: KubeSpawner prints a pod that Kubernetes refuses, with its environment."""

import logging
import re

# JWTs, and the values of variables and fields whose name says that they are secret
_SECRETS = re.compile(
    r"eyJ[\w-]{8,}(?:\.[\w-]*)+"
    r"|(?<=JUPYTERHUB_API_TOKEN)['\"]?[,:=\s]+(?:['\"]?value['\"]?[:=\s]+)?['\"]?\w{16,}"
    r"|(?<=refresh_token)['\"]?[:=\s]+['\"]?[\w.~-]{8,}"
    r"|(?<=client_secret)['\"]?[:=\s]+['\"]?[\w.~-]{8,}",
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
    return _SECRETS.sub("[redacted]", text)


def install() -> None:
    """For every logger that the hub's parts write to; a filter of a logger isn't inherited by those below it."""
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        if not any(isinstance(known, Redacting) for known in logger.filters):
            logger.addFilter(Redacting())
