"""The one error that a refused or failed start ends with.

JupyterHub 6 has an exception of its own for it, which its counters know; 5.5 takes any HTTPError.
"""

from typing import Any

from jupyterhub import spawner
from tornado import web

_Base: Any = getattr(spawner, "SpawnException", web.HTTPError)


class Refusal(_Base):  # type: ignore[misc] # JupyterHub is untyped
    """A sentence for the person who wanted a server, as REST answer, on the form and on the progress page."""

    def __init__(self, sentence: str, status: int = 400) -> None:
        if _Base is web.HTTPError:
            super().__init__(status, sentence)
        else:
            super().__init__(sentence, reason="refused", status_code=status)
        # what JupyterHub shows on its pages; the log message alone stays in the log
        self.jupyterhub_message = sentence
