"""The part of the lock file that a few packages need: a services image must not carry pytest and mypy.

The lock holds every version with its hashes for the whole workspace. Which of them a service needs is written in the
metadata of the packages installed here; conditions in it are answered for the Python of the image, not ours.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from importlib import metadata

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

IMAGE_PYTHON = {"python_version": "3.13", "python_full_version": "3.13.5"}

Requires = Callable[[str], Iterable[str]]


def split_lock(text: str) -> dict[str, str]:
    """Package name to its entry, continuation lines included."""
    entries: dict[str, str] = {}
    for entry in re.split(r"\n(?=\S)", text.strip()):
        found = re.match(r"[A-Za-z0-9._-]+(?===)", entry)
        if found:
            name = canonicalize_name(found[0])
            entries[name] = entries[name] + "\n" + entry if name in entries else entry
    return entries


def closure(roots: Iterable[str], requires: Requires, environment: Mapping[str, str] = IMAGE_PYTHON) -> set[str]:
    """Names of everything that the requirements ``roots`` pull in."""
    todo = [Requirement(root) for root in roots]
    done: set[tuple[str, str]] = set()
    while todo:
        wanted = todo.pop()
        name = canonicalize_name(wanted.name)
        for extra in ("", *wanted.extras):
            if (name, extra) in done:
                continue
            done.add((name, extra))
            for line in requires(name):
                needed = Requirement(line)
                if needed.marker is None or needed.marker.evaluate({**environment, "extra": extra}):
                    todo.append(needed)
    return {name for name, _ in done}


def select(lock: str, roots: Iterable[str], ours: Iterable[str], requires: Requires | None = None) -> str:
    """The lock's entries for what ``roots`` pull in, without ``ours``. Raises LookupError for what isn't locked."""
    entries = split_lock(lock)
    own = {canonicalize_name(name) for name in ours}
    names = closure(roots, requires or installed_requires) - own
    missing = sorted(names - entries.keys())
    if missing:
        raise LookupError(f"the lock file has no {', '.join(missing)}: run `make lock`")
    return "".join(entries[name] + "\n" for name in sorted(names))


def installed_requires(name: str) -> Iterable[str]:
    """What an installed package needs. One that isn't installed here isn't needed by this Python, and has a leaf's say."""
    try:
        return metadata.requires(name) or ()
    except metadata.PackageNotFoundError:
        return ()
