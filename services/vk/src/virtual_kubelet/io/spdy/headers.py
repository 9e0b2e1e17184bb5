"""Blocks of names and values: compressed with zlib, one stream of it for each direction of a connection, and a dictionary."""

import struct
import zlib

LONGEST = 64 * 1024  # bytes of a block; an honest one has a hundred

_WORDS = """
options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age allow authorization
cache-control connection content-base content-encoding content-language content-length content-location content-md5
content-range content-type date etag expect expires from host if-match if-modified-since if-none-match if-range
if-unmodified-since last-modified location max-forwards pragma proxy-authenticate proxy-authorization range referer
retry-after server te trailer transfer-encoding upgrade user-agent vary via warning www-authenticate method get status
200_OK version HTTP/1.1 url public set-cookie keep-alive origin
"""
_TEXT = (
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505"
    "203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden"
    "404 Not Found500 Internal Server Error501 Not Implemented503 Service Unavailable"
    "Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMT"
    "chunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,text/javascript,"
    "publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0."
)
_NUMBER = struct.Struct(">I")

Headers = dict[str, str]


class BadFrame(Exception):
    """What came is no frame of SPDY/3.1, or one that nobody needs to send."""


def _counted(text: bytes) -> bytes:
    return _NUMBER.pack(len(text)) + text


DICTIONARY = b"".join(_counted(word.replace("_", " ").encode()) for word in _WORDS.split()) + _TEXT.encode()
"""SPDY draft 3, 2.6.10.1."""


class HeaderWriter:
    """Compresses the blocks of one direction, in the order in which they are sent."""

    def __init__(self) -> None:
        self._zlib = zlib.compressobj(zdict=DICTIONARY)

    def block(self, headers: Headers) -> bytes:
        plain = _NUMBER.pack(len(headers))
        for name, value in headers.items():
            plain += _counted(name.lower().encode()) + _counted(value.encode())
        return self._zlib.compress(plain) + self._zlib.flush(zlib.Z_SYNC_FLUSH)


class HeaderReader:
    """Reads the blocks of one direction, every one of them, in the order in which they came."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(zdict=DICTIONARY)

    def headers(self, block: bytes) -> Headers:
        """Raises BadFrame."""
        try:
            plain = self._zlib.decompress(block, LONGEST)
        except zlib.error as error:
            raise BadFrame(f"a block of headers: {error}") from error
        if self._zlib.unconsumed_tail:
            raise BadFrame(f"a block of headers with more than {LONGEST} bytes")
        try:
            return _pairs(plain)
        except (struct.error, UnicodeDecodeError) as error:
            raise BadFrame(f"a block of headers: {error}") from error


def _pairs(plain: bytes) -> Headers:
    (count,) = _NUMBER.unpack_from(plain)
    texts, at = list[str](), _NUMBER.size
    while len(texts) < 2 * count:
        (length,) = _NUMBER.unpack_from(plain, at)
        at += _NUMBER.size
        if at + length > len(plain):
            raise BadFrame("a block of headers that ends early")
        texts.append(plain[at : at + length].decode())
        at += length
    return {name.lower(): value for name, value in zip(texts[::2], texts[1::2], strict=True)}
