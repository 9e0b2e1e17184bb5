"""An image's own entrypoint, command, environment and working directory, from what stands in its unpacked tree.

Two layouts are understood: `.highrate/config.json`, the image's OCI configuration (the object with Entrypoint, Cmd, Env, User and
WorkingDir, or a whole OCI image configuration that has it under `config`), and the `.singularity.d` that Apptainer, Singularity
and the CVMFS image publisher write. The latter is read as data, not run: the shell code in it would evaluate a user's arguments.
"""

import json
import os
import re
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

CONFIG = ".highrate/config.json"
RUNSCRIPT = ".singularity.d/runscript"
ENVIRONMENT = ".singularity.d/env/10-docker2singularity.sh"

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class ImageConfig(NamedTuple):
    """What an image says about how it wants to be run; `user_known`: an empty `user` means that it names none, thus root."""

    entrypoint: List[str] = []
    command: List[str] = []
    env: List[Tuple[str, str]] = []
    user: str = ""
    work_dir: str = ""
    user_known: bool = False


class UnreadableConfig(Exception):
    """The image's configuration isn't in a form that is understood."""


def read(root: str) -> ImageConfig:
    """The configuration of the image unpacked at `root`; an empty one if it has none. Raises UnreadableConfig."""
    text = _text(os.path.join(root, CONFIG))
    if text is not None:
        return from_oci(text)
    script = _text(os.path.join(root, RUNSCRIPT))
    if script is None:
        return ImageConfig()
    entrypoint, command = from_runscript(script)
    return ImageConfig(entrypoint, command, from_exports(_text(os.path.join(root, ENVIRONMENT)) or ""))


def from_oci(text: str) -> ImageConfig:
    """An OCI image configuration, or the part of it that describes the container. Raises UnreadableConfig."""
    try:
        raw: Dict[str, Any] = json.loads(text)
        raw = raw.get("config", raw) or {}
        return ImageConfig(
            _strings(raw.get("Entrypoint")),
            _strings(raw.get("Cmd")),
            [(name, value) for name, _, value in (item.partition("=") for item in _strings(raw.get("Env")))],
            str(raw.get("User") or ""),
            str(raw.get("WorkingDir") or ""),
            user_known=True,
        )
    except (ValueError, TypeError, AttributeError) as error:
        raise UnreadableConfig("%s can't be read: %s" % (CONFIG, error)) from error


def from_runscript(text: str) -> Tuple[List[str], List[str]]:
    """Entrypoint and command from a runscript that was made of an OCI image.

    Any other runscript is a program of the image's author: it is the entrypoint.
    """
    entrypoint, command = _words(text, "OCI_ENTRYPOINT"), _words(text, "OCI_CMD")
    if entrypoint is None or command is None:
        return ["/" + RUNSCRIPT], []
    return entrypoint, command


def _words(text: str, name: str) -> Optional[List[str]]:
    """The words of the line `NAME='"word" "word"'`: each in double quotes, a backslash before each of `" \\ $` and a backtick."""
    start = re.search("^%s='" % name, text, re.MULTILINE)
    if start is None:
        return None
    rest = text[start.end() :].replace("'\"'\"'", "'")
    words: List[str] = []
    while True:
        word = re.match(r'"((?:[^"\\]|\\.)*)" ?', rest, re.DOTALL)
        if word is None:
            return words if rest.startswith("'") else None
        words.append(_unescaped(word.group(1)))
        rest = rest[word.end() :]


def from_exports(text: str) -> List[Tuple[str, str]]:
    """The environment from lines `export NAME="value"` or `export NAME="${NAME:-"value"}"`: Go's quoting around the shell's."""
    env = []
    for line in text.splitlines():
        found = re.match(r'export (\w+)=(?:"\$\{\1:-("(?:[^"\\]|\\.)*")\}"|("(?:[^"\\]|\\.)*"))$', line)
        if found:
            env.append((found.group(1), _unescaped(_go_unquoted(found.group(2) or found.group(3)))))
    return env


def _unescaped(text: str) -> str:
    return re.sub(r'\\(["\\$`])', r"\1", text)


def _go_unquoted(text: str) -> str:
    """A string as Go's %q writes it: JSON's escapes, and a few of its own."""

    def character(found: "re.Match[str]") -> str:
        kind, number = found.group(1)[0], found.group(1)[1:]
        return _GO_ESCAPES.get(kind) or (chr(int(number, 16)) if number else kind)

    return re.sub(r"\\(x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8}|.)", character, text[1:-1])


_GO_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def _strings(value: Any) -> List[str]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError("a list of strings is expected, not %r" % (value,))
    return value


def _text(path: str) -> Optional[str]:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise UnreadableConfig("%s: %s" % (path, error.strerror)) from error
