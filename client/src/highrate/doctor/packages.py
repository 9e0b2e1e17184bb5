"""Versions in the image, and what the home puts before them."""

import site
import sys
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from highrate.doctor.finding import Finding, absent, bad, doubtful, good
from highrate.image_check.contract import OFFLOAD_PACKAGES

# of which workers must have the same: they unpickle what the notebook pickles
_SENT = frozenset(
    ("dask", "distributed", "dask_gateway", "msgpack", "cloudpickle", "tornado", "toolz", "numpy", "pandas", "awkward",
     "uproot", "hist", "boost_histogram", "coffea", "pyarrow", "numba", "ROOT")
)  # fmt: skip


def versions() -> Finding:
    """Those that the platform's gateway speaks with."""
    python = ".".join(map(str, sys.version_info[:3]))
    found, wrong = {}, []
    for name, wanted in OFFLOAD_PACKAGES.items():
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
        if not f"{found[name]}.".startswith(f"{wanted}."):
            wrong.append(f"{name} is {found[name]} and has to be {wanted}")
    if wrong:
        return bad(
            "; ".join(wrong),
            "Take it out of ~/.local (pip uninstall), or use an image of the platform's present release.",
        )
    if len(found) < len(OFFLOAD_PACKAGES):
        return absent(f"Python {python}; this image has no Dask, and doesn't scale out")
    return good(f"Python {python}, " + ", ".join(f"{name} {have}" for name, have in found.items()))


def home_packages(folders: Iterable[Path] | None = None) -> Finding:
    """Packages in the home that hide the image's: kernels see them, workers don't have them."""
    places = [Path(site.getusersitepackages())] if folders is None else list(folders)
    names = {entry.name.removesuffix(".py") for place in places if place.is_dir() for entry in place.iterdir()}
    hidden = sorted(names & _SENT)
    if hidden:
        return doubtful(
            f"{', '.join(hidden)} in {places[0]} hide what the image has; workers don't have your home",
            f"pip uninstall {' '.join(hidden)}, or make an image of your own.",
        )
    return good("nothing in the home hides packages of the image that workers need")


def highrate() -> Finding:
    try:
        return good(f"highrate {version('highrate')}")
    except PackageNotFoundError:
        return doubtful("highrate runs from a folder and isn't installed", "Use it as the image has it.")


def image(environ: Mapping[str, str]) -> Finding:
    name = environ.get("JUPYTER_IMAGE", "")
    return good(name) if name else absent("JUPYTER_IMAGE is not set: this is no session of the platform")
