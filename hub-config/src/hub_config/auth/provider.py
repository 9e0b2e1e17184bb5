"""What an answer of the OpenID provider means: a no, or that it can't be asked now. Other than a no, nothing ends a login."""

import contextlib
from collections.abc import Iterator

from tornado import web
from tornado.httpclient import HTTPClientError

# tornado's default is 20 s for each; people wait for these requests
DEADLINES = {"connect_timeout": 5.0, "request_timeout": 10.0}


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
