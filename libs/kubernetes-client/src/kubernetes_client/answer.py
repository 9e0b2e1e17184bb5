"""What the API server answered: an object, or an error. Something in between may answer for it, in whatever way."""

from typing import Any, TypeAlias

import msgspec

JsonObject: TypeAlias = dict[str, Any]

_NO_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_MOST_WORDS = 500


class ApiError(Exception):
    """The API server refused a request, or could not be asked (`status` 0)."""

    def __init__(self, status: int, message: str, reason: str = "") -> None:
        super().__init__(f"{f'{status} {reason}'.rstrip()}: {message}" if status else message)
        self.status = status
        self.message = message

    @property
    def absent(self) -> bool:
        """The object is not there (any more), or another one has its name."""
        return self.status == 404

    @property
    def conflict(self) -> bool:
        return self.status == 409

    @property
    def away(self) -> bool:
        """Nobody answered, or somebody who could not: it says nothing about what was asked for."""
        return self.status in (0, 429) or self.status >= 500


def decoded(data: bytes) -> JsonObject:
    """The object in an answer. Raises ApiError where it is none."""
    try:
        value = msgspec.json.decode(data)
    except _NO_JSON as error:
        raise ApiError(0, f"what was answered is not the API server's JSON: {error}") from error
    if not isinstance(value, dict):
        raise ApiError(0, f"what was answered is a {type(value).__name__}, not an object")
    return value


def refusal(status: int, data: bytes) -> ApiError:
    """The error that an answer with this HTTP status is, with the words of its Status object if it has one."""
    try:
        said = msgspec.json.decode(data)
    except _NO_JSON:
        said = None
    if not isinstance(said, dict):
        said = {}
    words = said.get("message") or data.decode("utf-8", "replace")[:_MOST_WORDS]
    return ApiError(status, str(words), str(said.get("reason") or ""))
