"""What an answer of the OpenID provider means: a no, or that it can't be asked now. Other than a no, nothing ends a login.

A no to the hub itself, as a client with a wrong secret gets it, says nothing of the person in whose name it asks.
"""

import contextlib
import json
from collections.abc import Iterator

from tornado import web
from tornado.httpclient import HTTPClientError

# tornado's default is 20 s for each; people wait for these requests
DEADLINES = {"connect_timeout": 5.0, "request_timeout": 10.0}

# RFC 6749, 5.2; unauthorized is the word of Spring's OAuth 2, which INDIGO IAM is made of
_CLIENT_REFUSED = frozenset({"invalid_client", "unauthorized_client", "unauthorized"})


class Denied(Exception):
    """The provider answered that it won't."""


class Unreachable(Exception):
    """The provider didn't answer, or nothing that makes sense."""


class Misconfigured(Unreachable):
    """It can't be asked, and it's the platform's own fault: for administrators, who find the text in the log."""


@contextlib.contextmanager
def classified() -> Iterator[None]:
    """Errors of a request to the provider as one of the two."""
    try:
        yield
    except HTTPClientError as error:
        if (code := _code(error)) in _CLIENT_REFUSED:
            raise Misconfigured(
                f"the provider refuses the platform's own client ({error.code} {code}): check client_id, the secret in "
                "client_secret_file, and whether the provider has the client enabled, with basic_auth as it is registered"
            ) from error
        # 429: ask less often; 408 and 599: no answer
        if 400 <= error.code < 500 and error.code not in (408, 429):
            raise Denied(f"{error.code} {error.message}") from error
        raise Unreachable(f"{error.code} {error.message}") from error
    except web.HTTPError as error:
        # oauthenticator's own: 403 for an error in an answer of 200, 500 for an answer without a token
        kind = Denied if error.status_code < 500 else Unreachable
        raise kind(f"{error.status_code} {error.log_message or error.reason or ''}".strip()) from error
    except (OSError, ValueError) as error:
        raise Unreachable(f"{type(error).__name__}: {error}") from error


def _code(error: HTTPClientError) -> str:
    """The error's code in an answer (RFC 6749, 5.2); empty if there is none."""
    try:
        return str(json.loads(error.response.body)["error"]) if error.response else ""
    except (ValueError, KeyError, TypeError):
        return ""
