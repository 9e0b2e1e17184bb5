"""Whether the notebook's Python, the scheduler's and the workers' have the same packages, told in one sentence.

Dask sends pickled functions and objects from one to the other: what differs shows later, as an error that names neither end.
"""

from collections.abc import Mapping
from typing import Any

LOOKED_AT = ("python", "dask", "distributed", "msgpack", "cloudpickle", "tornado", "toolz", "numpy", "pandas", "lz4")
MORE = ("awkward", "coffea", "hist", "uproot")
"""Whose objects are sent in an analysis; Dask itself doesn't look at them."""
_ONLY_ON_WORKERS = frozenset(("numpy", "pandas", *MORE))
"""A scheduler never unpickles them."""


class DifferentVersions(UserWarning):
    """The text is the sentence."""


def sentence(found: Mapping[str, Any]) -> str | None:
    """None if all is equal. ``found`` is what ``Client.get_versions`` gives."""
    mine = _packages(found.get("client"))
    scheduler = {name: version for name, version in _packages(found.get("scheduler")).items() if name in mine}
    differing = [
        _difference(name, mine[name], "the scheduler", scheduler[name])
        for name in mine
        if name in scheduler and name not in _ONLY_ON_WORKERS and _differ(name, mine[name], scheduler[name])
    ]
    known = {part.split(" ", 1)[0] for part in differing}
    workers = [_packages(worker) for worker in (found.get("workers") or {}).values()]
    for name, version in mine.items():
        others = {w[name] for w in workers if name in w and _differ(name, version, w[name])}
        if others and name not in known:
            count = sum(1 for w in workers if w.get(name) in others)
            whom = "all workers" if count == len(workers) else f"{count} of {len(workers)} workers"
            differing.append(_difference(name, version, whom, _listed(others)))
    if not differing:
        return None
    return (
        f"Notebook and cluster don't have the same packages: {'; '.join(differing)}. Start the cluster with the session's "
        "own image (leave the option image out), and take packages out of ~/.local that are in the image."
    )


def _packages(end: Mapping[str, Any] | None) -> dict[str, str | None]:
    packages = dict((end or {}).get("packages") or {})
    return {name: packages[name] for name in (*LOOKED_AT, *MORE) if name in packages}


def _differ(name: str, one: str | None, other: str | None) -> bool:
    if name == "python" and one and other:
        # 3.13.5 and 3.13.6 understand each other's byte code
        return one.split(".")[:2] != other.split(".")[:2]
    return one != other


def _difference(name: str, mine: str | None, whom: str, other: str | None) -> str:
    return f"{name} is {_short(mine)} here and {other if whom != 'the scheduler' else _short(other)} on {whom}"


def _short(version: str | None) -> str:
    """Of sys.version_info, the part that people know."""
    return ".".join(version.split(".")[:3]) if version else "missing"


def _listed(versions: set[str | None]) -> str:
    return " or ".join(sorted(_short(version) for version in versions))
