"""A server's side of the wire: reading bodies (on GET and DELETE too) and answering errors in the protocol's words."""

import uuid
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from urllib.parse import quote

from aiohttp import web
from service_runtime.logs import get_logger

from interlink.protocol.decode import MalformedError, decode, encode
from interlink.protocol.errors import InterlinkError, NotNow, Rejected
from interlink.protocol.features import REFUSAL_HEADER, SESSION_HEADER

DEFAULT_BODY_LIMIT = 32 * 1024 * 1024
LONGEST_WORDS = 1000  # of a refusal that has to fit a header
PLAIN = " !\"#$&'()*+,-./:;<=>?@[]^_`{|}~"  # what may stand in a header as it is; not the percent sign

T = TypeVar("T")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_SESSION = web.RequestKey("session", str)

log = get_logger(__name__)


async def read_json(request: web.Request, kind: type[T]) -> T:
    """The request's body as `kind`. Raises Rejected: 400 for what can't be read, 413 for too much."""
    try:
        return decode(await request.read(), kind)
    except web.HTTPRequestEntityTooLarge as error:
        limit = f"{request.client_max_size >> 10} KiB"
        raise Rejected(
            [f"the request is larger than the {limit} that are taken here (the limit of bodies)"], 413
        ) from error
    except MalformedError as error:
        raise Rejected([str(error)], 400) from error


def json_response(message: Any, headers: dict[str, str] | None = None) -> web.Response:
    """200 with `message` as JSON: the only success that interLink 0.6 knows."""
    return web.Response(body=encode(message), content_type="application/json", headers=headers)


def session_of(request: web.Request) -> str:
    """The id that follows a call through all hops; made here if the caller has none."""
    if _SESSION not in request:
        request[_SESSION] = request.headers.get(SESSION_HEADER) or f"Request-{uuid.uuid4()}"
    return request[_SESSION]


@web.middleware
async def error_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer InterlinkError with its status and reason; log what nobody expected and answer 500. The process lives on.

    Once a reply has begun there is no other: a second one would become part of its body, and its reader would wait for the
    end for ever. It is cut off instead.
    """
    try:
        return await handler(request)
    except InterlinkError as error:
        response = error_response(request, error)
    except web.HTTPException:
        raise
    except ConnectionError:
        raise  # the caller is gone; there is nobody to answer
    except Exception:
        log.exception("request.failed", request=session_of(request), method=request.method, path=request.path)
        response = web.Response(status=500, text="internal error; see the log of this service\n")
    if request.writer.output_size and request.transport is not None:
        request.transport.abort()
    return response


def error_response(request: web.Request, error: InterlinkError) -> web.Response:
    """The reply that `errors.from_status` reads back as the same error."""
    log.info(
        "request.refused",
        request=session_of(request),
        path=request.path,
        status=error.http_status,
        reason=error.reason[:2000],
    )
    response = refusal(request, error.http_status, error.reason)
    if isinstance(error, NotNow) and error.retry_after is not None:
        response.headers["Retry-After"] = str(max(1, round(error.retry_after)))
    return response


def refusal(request: web.Request, status: int, words: str) -> web.Response:
    """A reply without success, whose words also reach who asked for a WebSocket."""
    headers = {REFUSAL_HEADER: quote(words[:LONGEST_WORDS], safe=PLAIN)} if "Upgrade" in request.headers else None
    return web.Response(status=status, text=words + "\n", headers=headers)
