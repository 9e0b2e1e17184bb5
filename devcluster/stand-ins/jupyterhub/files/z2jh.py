"""What the chart's values say, for jupyterhub_config.py and for hub.extraConfig, which may import this module by its name.

The functions are those that Zero to JupyterHub documents. Everything is mounted below one folder: `secret` holds the
values and the generated secrets, `existing-secret` what an administrator lays over them, `config` the objects' names.
"""

from functools import cache
from pathlib import Path
from typing import Any

import yaml

PLACE = Path("/usr/local/etc/jupyterhub")
_MISSING: Any = object()


@cache
def values() -> dict[str, Any]:
    """All values of the release."""
    found: dict[str, Any] = {}
    for folder in ("secret", "existing-secret"):
        file = PLACE / folder / "values.yaml"
        if file.is_file():
            found = _laid_over(found, yaml.safe_load(file.read_text(encoding="utf-8")) or {})
    return found


def get_config(key: str, default: Any = None) -> Any:
    """The value at a path with dots; ``default`` where the path leads nowhere."""
    value: Any = values()
    for step in key.split("."):
        if not isinstance(value, dict) or step not in value:
            return default
        value = value[step]
    return value


def get_name(name: str) -> str:
    """The full name of one of the chart's objects, such as ``proxy-public``."""
    return (PLACE / "config" / name).read_text(encoding="utf-8")


def get_secret_value(key: str, default: Any = _MISSING) -> Any:
    """A secret by its key in the Secret of the hub. Raises KeyError where there is none and no ``default``."""
    for folder in ("existing-secret", "secret"):
        file = PLACE / folder / key
        if file.is_file():
            return file.read_text(encoding="utf-8")
    if default is _MISSING:
        raise KeyError(f"{key} is in neither Secret of the hub")
    return default


def _laid_over(lower: dict[str, Any], upper: dict[str, Any]) -> dict[str, Any]:
    result = dict(lower)
    for key, value in upper.items():
        below = result.get(key)
        result[key] = _laid_over(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return result
