"""The job channel's messages: what the supervisor in a job and the sidecar say to each other over one WebSocket.

The job dials out (it can't be dialled), `GET <url>` with `Authorization: Bearer <ticket>`, subprotocol `job-channel.v1`. Both sides
use these functions, so there is one description of the protocol.

Text messages are JSON objects with a `type`; binary messages are pieces of a stream. A stream is opened by the sidecar, with a
number of its own choice, and is a container's log, a command in a container, or the attachment to a container's first process. A
receiver of stream data grants bytes with `credit`; a sender waits when it has used up what it was granted, WINDOW to begin with.
So a stream whose reader is slow stands still at its source, and none is ever in the way of the others or of a state.

From the job:
  hello     {version, uid}                            the first message of a connection
  state     {record, signature}                       the record of the pod (state.py) as text, at each change and after hello
  usage     {time, containers: [{name, cpu_seconds, memory_bytes}]}   what the containers use, now and then
  opened    {stream, restart}                         a stream is there; `restart` (of a log): which run's
  end       {stream, code, reason, message}           its last message; `code` is a command's exit code, None where there is none
  updated   {number, problem}                         an update was carried out, or not and why
From the sidecar:
  welcome   {}                                        the answer to hello
  log       {stream, container, restart, offset, follow}   bytes of the log in CRI format (channel_logs.py); `restart` -1: of the
                                                      latest run, -2: of the one before
  exec      {stream, container, command, stdin, stdout, stderr, tty}
  attach    {stream, container, stdin, stdout, stderr, tty}
  resize    {stream, width, height}                   of the terminal
  eof       {stream}                                  standard input ended
  close     {stream}                                  nobody wants it any more
  update    {number, volumes: {volume: {path: [mode, base64]}}, deadline_seconds, added}   what is None stays as it is; `added`
                                                      (additions.py) are ephemeral containers: what the pod has is left alone
  stop      {grace_seconds}                           the pod was deleted and ends within so many seconds
  bye       {}                                        the final record was taken: the job may end
Both:
  credit    {stream, bytes}
"""

import hashlib
import hmac
import json
import struct
from typing import Any, Dict, Tuple

SUBPROTOCOL = "job-channel.v1"
REFUSAL = "Job-Channel-Refusal"  # header with the words of a refusal, for what is between: clients of WebSockets drop the body
VERSION = 1

STDIN, STDOUT, STDERR, LOG = 0, 1, 2, 3  # kinds of stream data
HEAD = struct.Struct(">BI")  # kind, stream
PIECE = 32 * 1024  # most bytes of data in one message
WINDOW = 256 * 1024  # bytes that a sender may send before the first credit
TEXT_LIMIT = 16 * 1024 * 1024  # most bytes of a JSON message

PING_SECONDS = 20.0  # without a message for so long, the job sends a ping
SILENCE_SECONDS = 60.0  # without a message for so long, either side takes the connection for broken


class BadMessage(Exception):
    """What came isn't a message of this protocol."""


def encode(kind: str, **fields: Any) -> str:
    """A text message."""
    return json.dumps(dict(fields, type=kind), separators=(",", ":"))


def decode(text: str) -> Dict[str, Any]:
    """A text message's object; it has a `type`. Raises BadMessage."""
    try:
        message = json.loads(text)
    except ValueError as error:
        raise BadMessage("not JSON: %s" % error) from error
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise BadMessage("a message is an object with a type")
    return message


def signature(ticket: str, record: str) -> str:
    """What shows that a record comes from the supervisor that was given this ticket."""
    return hmac.new(ticket.encode("ascii"), record.encode("utf-8"), hashlib.sha256).hexdigest()


def pack(kind: int, stream: int, data: bytes) -> bytes:
    """A binary message: a piece of a stream's data."""
    return HEAD.pack(kind, stream) + data


def unpack(message: bytes) -> Tuple[int, int, bytes]:
    """Kind, stream and data of a binary message. Raises BadMessage."""
    if len(message) < HEAD.size:
        raise BadMessage("a piece of a stream without its head")
    kind, stream = HEAD.unpack_from(message)
    return kind, stream, message[HEAD.size :]
