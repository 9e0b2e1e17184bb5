"""Where HTTP's failures become the three errors of the protocol, once for both hops."""

import contextlib
from collections.abc import Iterator

import aiohttp

from interlink.protocol.errors import InterlinkError, LostTrack, NoConnection, from_status

ERROR_BODY_LIMIT = 64 * 1024
LOG_CHUNK = 64 * 1024
LOG_STREAMS = 1000  # at once to one server; a further one waits


@contextlib.contextmanager
def mapped_errors(what: str) -> Iterator[None]:
    """Turn what aiohttp raises inside the context into NoConnection (none came about) or LostTrack (one broke)."""
    try:
        yield
    except InterlinkError:
        raise
    except aiohttp.ClientConnectorError as error:
        # nothing was asked yet; certificate errors are of this kind too
        raise NoConnection(f"{what}: no connection: {error}") from error
    except aiohttp.ConnectionTimeoutError as error:
        raise NoConnection(f"{what}: no connection within the deadline") from error
    except TimeoutError as error:
        raise LostTrack(f"{what}: no answer within the deadline", 504) from error
    except (aiohttp.ClientError, OSError) as error:
        raise LostTrack(f"{what}: the connection broke: {error or type(error).__name__}") from error


async def error_of(response: aiohttp.ClientResponse) -> InterlinkError:
    """The error that a reply without success stands for; of a long text only the beginning is read."""
    text = b""
    # the status counts also where the text breaks off
    with contextlib.suppress(aiohttp.ClientError, TimeoutError):
        async for piece in response.content.iter_any():
            text += piece
            if len(text) >= ERROR_BODY_LIMIT:
                break
    words = text[:ERROR_BODY_LIMIT].decode("utf-8", "replace")
    return from_status(response.status, words, response.headers.get("Retry-After"))
