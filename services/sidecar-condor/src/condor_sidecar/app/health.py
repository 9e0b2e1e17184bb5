"""Whether the schedd answers, since when it doesn't, and why: for the ping, the readiness and waiting pods."""

import time
from pathlib import Path

from service_runtime.files import read_token
from service_runtime.logs import get_logger

from condor_sidecar import metrics
from condor_sidecar.core.token_reading import explain, read
from condor_sidecar.io.schedd import ScheddError
from condor_sidecar.model.calls import FailureKind

log = get_logger(__name__)


class Health:
    """The schedd as the last calls found it. Starts as unknown, which counts as down."""

    def __init__(self, token_file: Path | None) -> None:
        self._token_file = token_file
        self._down_since: float | None = time.monotonic()
        self._reason = "the schedd was not asked yet"
        self.knows_all = False
        """A query was answered since the start: every pod that the schedd has is in the table."""

    def succeeded(self) -> None:
        """A query was answered."""
        metrics.LAST_POLL.set_to_current_time()
        self.knows_all = True
        if self._down_since is not None:
            log.info("schedd.up", after_seconds=round(time.monotonic() - self._down_since, 1))
        self._down_since = None
        self._note_expiry()

    def failed(self, error: ScheddError) -> None:
        """A query was not answered."""
        reason = self.explain(error)
        if self._down_since is None or reason != self._reason:
            log.warning("schedd.down", kind=error.kind.value, reason=reason)
        if self._down_since is None:
            self._down_since = time.monotonic()
        self._reason = reason
        self._note_expiry()

    def explain(self, error: ScheddError) -> str:
        """HTCondor's words, and what our own token says where a login was refused."""
        if error.kind not in (FailureKind.REFUSED_LOGIN, FailureKind.DENIED) or self._token_file is None:
            return str(error)
        return f"{error}; {explain(self._token(), time.time())}"

    @property
    def trouble(self) -> str | None:
        """Why the schedd can't be used, None while it can."""
        return None if self._down_since is None else self._reason

    @property
    def down_seconds(self) -> float:
        """For how long, 0 while it is up."""
        return 0.0 if self._down_since is None else time.monotonic() - self._down_since

    def _token(self) -> str:
        try:
            return read_token(self._token_file) if self._token_file is not None else ""
        except OSError:
            return ""

    def _note_expiry(self) -> None:
        reading = read(self._token()) if self._token_file is not None else None
        metrics.TOKEN_EXPIRY.set(reading.expires or 0 if reading is not None else 0)
