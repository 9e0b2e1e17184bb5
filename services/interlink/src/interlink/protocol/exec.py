"""`GET /exec`: a command in a container, or the attachment to its first process, over a WebSocket (feature `exec`).

The caller's first message is text, an ExecRequest as JSON (not the query: commands may hold secrets, and addresses are logged).
From then on it is Kubernetes' own remote command protocol, v5.channel.k8s.io (k8s.io/streaming, and the websocket page of kubectl's
KEP-4006): binary messages whose first byte is the channel; at the end the server sends a metav1.Status as JSON on channel ERROR and
closes. What can't be opened is refused before the upgrade where that is known (the words are in REFUSAL_HEADER), else by such a
Status.

One thing is added: the caller sends WINDOW bytes of standard input at most, and as many more as messages on channel CREDIT grant
(a decimal number each). So whoever is in between always reads on, and a command that doesn't read its input hides nobody's leaving.
"""

import msgspec

SUBPROTOCOL = "v5.channel.k8s.io"
STDIN, STDOUT, STDERR, ERROR, RESIZE = 0, 1, 2, 3, 4
CREDIT = 5
CLOSE = 255  # the next byte names a channel that its sender is done with
PIECE = 32 * 1024
WINDOW = 256 * 1024


class ExecRequest(msgspec.Struct):
    """Which container, and what: `Attach` joins its first process, else `Command` is run."""

    Namespace: str
    PodUID: str
    PodName: str
    ContainerName: str
    Command: list[str] = msgspec.field(default_factory=list)
    Attach: bool = False
    Stdin: bool = False
    Stdout: bool = True
    Stderr: bool = True
    TTY: bool = False


class TerminalSize(msgspec.Struct):
    """On channel RESIZE: columns and rows."""

    Width: int
    Height: int


def success() -> bytes:
    """The Status of a command that ended with 0."""
    return msgspec.json.encode({"metadata": {}, "status": "Success"})


def exit_code(code: int) -> bytes:
    """The Status of a command that ended with another code."""
    return msgspec.json.encode({
        "metadata": {},
        "status": "Failure",
        "reason": "NonZeroExitCode",
        "message": f"command terminated with non-zero exit code: exit status {code}",
        "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
    })  # fmt: skip


def failure(message: str) -> bytes:
    """The Status of what couldn't be run."""
    return msgspec.json.encode({"metadata": {}, "status": "Failure", "reason": "InternalError", "message": message})
