"""Tokens that the hub has just refused: who shows one again needn't be asked about again."""

import hashlib

from service_runtime.bounded import Bounded

from token_service.model.refusal import Refusal

REMEMBERED_FOR = 10.0  # seconds: a login that comes back makes the hub take the very same token again


class RefusedTokens:
    """The latest `size` of them, by their hashes: what isn't a token here may be a secret elsewhere."""

    def __init__(self, size: int) -> None:
        self._until: Bounded[bytes, tuple[float, Refusal]] = Bounded(size)

    def __len__(self) -> int:
        return len(self._until)

    def put(self, token: str, refusal: Refusal, now: float) -> None:
        """`token` was refused at `now` (seconds of a clock that doesn't go back)."""
        self._until.put(_hash(token), (now + REMEMBERED_FOR, refusal))

    def get(self, token: str, now: float) -> Refusal | None:
        """How `token` was refused a moment before `now`."""
        found = self._until.get(_hash(token))
        if found is None or now >= found[0]:
            return None
        return found[1]


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
