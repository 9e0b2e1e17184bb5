"""The refresh tokens of one grant: the first one, as given by an administrator, and those exchanged for it since."""

from service_runtime.files import write_atomically
from service_runtime.logs import get_logger

from token_refresher.io.token_endpoint import read_secret
from token_refresher.model.granted import RefreshFailed
from token_refresher.model.settings import Token

log = get_logger(__name__)


class RefreshTokens:
    """Which refresh token to use, best first: the latest in memory, the stored one, the administrator's.

    The latest comes before the administrator's because issuers that rotate end the old one at its first use; the
    administrator's comes last because a new one, put there when the chain was broken, must be found.
    """

    def __init__(self, settings: Token) -> None:
        self._settings = settings
        self._latest = ""
        self._saved = ""

    def candidates(self) -> list[str]:
        """All that are there, without repetition. Raises RefreshFailed if there are none."""
        store = self._settings.refresh_token_store
        stored = read_secret(store) if store is not None and store.exists() else ""
        tokens = list(dict.fromkeys(token for token in (self._latest, stored, self._first()) if token))
        if not tokens:
            raise RefreshFailed(f"there is no refresh token in {self._settings.refresh_token_file}")
        return tokens

    def keep(self, token: str) -> None:
        """`token` is the one to use next. If it is new it is saved, durably: losing it would lose the grant.

        A store that can't be written to doesn't stop the refresh; it is tried again each time.
        """
        self._latest = token
        if token in (self._saved, self._first()):
            return
        name, store = self._settings.name, self._settings.refresh_token_store
        if store is None:
            log.warning("refresh_token.in_memory_only", name=name, hint="the issuer rotates: set refresh_token_store")
            self._saved = token
            return
        try:
            store.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(store, token.encode("ascii"), mode=0o600, durable=True)
        except (OSError, UnicodeError) as error:
            log.error("refresh_token.not_saved", name=name, store=str(store), error=error)
        else:
            self._saved = token
            log.info("refresh_token.saved", name=name, store=str(store))

    def _first(self) -> str:
        """The administrator's, which may be gone once it was exchanged."""
        file = self._settings.refresh_token_file
        return read_secret(file) if file is not None and file.exists() else ""
