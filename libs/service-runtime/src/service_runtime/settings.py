"""Settings: one YAML file into typed, immutable sections, with every problem of the file told at once.

A service refuses to start on a bad configuration; an administrator should need one look, not one restart per mistake.
"""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import pydantic
import yaml

from service_runtime.logs import get_logger

log = get_logger(__name__)


class Section(pydantic.BaseModel):
    """Base of every settings model: immutable, and an unknown key is an error."""

    model_config = pydantic.ConfigDict(
        extra="forbid", frozen=True, populate_by_name=True, use_attribute_docstrings=True
    )


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a configuration: where (`key`, a dotted path) and what to do about it."""

    key: str
    message: str

    def __str__(self) -> str:
        return f"{self.key}: {self.message}" if self.key else self.message


class SettingsError(Exception):
    """The configuration can't be used; `problems` has all that is wrong with it, the text lists them."""

    def __init__(self, source: str, problems: Sequence[Problem]) -> None:
        self.source = source
        self.problems = tuple(problems)
        lines = "\n".join(f"  - {problem}" for problem in self.problems)
        super().__init__(f"{source} can't be used, {len(self.problems)} problem(s):\n{lines}")


SectionT = TypeVar("SectionT", bound=Section)


def load_settings(
    model: type[SectionT],
    path: Path,
    overrides: Mapping[str, str] | None = None,
    unknown: Literal["error", "warn"] = "error",
) -> SectionT:
    """Read `path` (YAML) into `model`; `overrides` maps dotted key paths to values that win over the file.

    `unknown="warn"` logs and drops unknown keys: for files whose keys others define. Raises SettingsError.
    """
    return parse_settings(model, _read(path), str(path), overrides, unknown)


def parse_settings(
    model: type[SectionT],
    data: Mapping[str, Any],
    source: str,
    overrides: Mapping[str, str] | None = None,
    unknown: Literal["error", "warn"] = "error",
) -> SectionT:
    """As load_settings, for values that are in memory already; `source` names them in the error."""
    tree = copy.deepcopy(dict(data))
    for key, value in (overrides or {}).items():
        _set(tree, key.split("."), value)
    try:
        return model.model_validate(tree)
    except pydantic.ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
    strangers = [e["loc"] for e in found if e["type"] == "extra_forbidden"]
    if unknown == "warn" and strangers:
        for where in strangers:
            log.warning("settings.unknown_key", source=source, key=_dotted(where))
            _drop(tree, where)
        return parse_settings(model, tree, source)
    raise SettingsError(source, [_problem(e["loc"], e["type"], e["msg"]) for e in found])


def warn_without_effect(settings: Section, reasons: Mapping[str, str]) -> None:
    """A line for each key of `reasons` that was given another value than its default: others' keys, known and not used.

    `reasons` says of each why.
    """
    for name, field in type(settings).model_fields.items():
        key = field.alias or name
        if key in reasons and getattr(settings, name) != field.get_default(call_default_factory=True):
            log.warning("settings.key_without_effect", key=key, reason=reasons[key])


def _read(path: Path) -> dict[str, Any]:
    try:
        loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(str(path), [Problem("", f"the file can't be read: {error.strerror}")]) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(str(path), [Problem("", f"the file is not YAML: {error}")]) from error
    if loaded is None:
        return {}
    if not isinstance(loaded, dict):
        raise SettingsError(str(path), [Problem("", f"the file holds a {type(loaded).__name__}, not keys and values")])
    return loaded


def _problem(where: tuple[int | str, ...], kind: str, message: str) -> Problem:
    if kind == "extra_forbidden":
        return Problem(_dotted(where), "unknown key; remove it or correct its spelling")
    if kind == "missing":
        return Problem(_dotted(where), "required, but missing")
    return Problem(_dotted(where), message.removeprefix("Value error, "))


def _dotted(where: tuple[int | str, ...]) -> str:
    text = ""
    for part in where:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _set(tree: dict[str, Any], keys: list[str], value: str) -> None:
    for key in keys[:-1]:
        below = tree.get(key)
        tree[key] = dict(below) if isinstance(below, dict) else {}
        tree = tree[key]
    tree[keys[-1]] = value


def _drop(tree: Any, where: tuple[int | str, ...]) -> None:
    for part in where[:-1]:
        tree = tree[part]
    del tree[where[-1]]
