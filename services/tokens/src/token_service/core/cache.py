"""Tokens that are still good, for who holds the same login."""

from dataclasses import dataclass

from service_runtime.bounded import Bounded

from token_service.model.login import Granted, Login

USED_FOR = 0.8  # of a token's life: whoever gets it has the rest to ask again


@dataclass(frozen=True, slots=True)
class _Kept:
    fingerprint: str
    granted: Granted


class TokenCache:
    """One token for each user and profile; it counts only for the login that it was made of.

    A new login, or the login of whoever has the name now, finds nothing; nor does it need a sweep.
    """

    def __init__(self, size: int) -> None:
        self._kept: Bounded[tuple[str, str], _Kept] = Bounded(size)

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, login: Login, profile: str, now: float) -> Granted | None:
        """The token of `login` for `profile` that is still good enough to hand out at `now` (seconds since 1970)."""
        kept = self._kept.get((login.user, profile))
        if kept is None:
            return None
        if kept.fingerprint != login.fingerprint or now >= used_until(kept.granted):
            self._kept.drop((login.user, profile))
            return None
        return kept.granted

    def put(self, login: Login, profile: str, granted: Granted) -> None:
        self._kept.put((login.user, profile), _Kept(login.fingerprint, granted))


def used_until(granted: Granted) -> float:
    """When a token is too old to be handed out once more."""
    return granted.granted_at + USED_FOR * (granted.expires_at - granted.granted_at)
