"""What JupyterHub's configuration says of a spawner's traits before ours runs: by z2jh, by files of administrators, by Python."""

from collections.abc import Mapping
from typing import Any

from traitlets.config.loader import LazyConfigValue

# The sections that a spawner's traits are read from, from the farthest class to its own.
SECTIONS = ("Spawner", "KubeSpawner", "PlatformSpawner")


def given(section: Any, name: str, default: Any) -> Any:
    """What is configured: an attribute of a section that isn't there would be made, as an empty section."""
    value = section.get(name, default)
    # what `c.KubeSpawner.volumes.append(...)` leaves where nothing is set: changes to be made to what there is
    return value.get_value(default) if isinstance(value, LazyConfigValue) else value


def inherited(c: Any, name: str, default: Any) -> Any:
    """What PlatformSpawner would get: its own section before those of the classes that it is made of."""
    for section in SECTIONS:
        default = given(c[section], name, default)
    return default


def by_name(entries: Any) -> dict[str, Any]:
    """Lists and dicts are both allowed by KubeSpawner; as a dict, ours and those of others add up."""
    if isinstance(entries, Mapping):
        return dict(entries)
    return {f"z2jh-{index}": entry for index, entry in enumerate(entries)}
