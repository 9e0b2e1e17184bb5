"""What the chart takes below `jupyterhub.custom.highrate` is what hub_config takes: keys, defaults, limits."""

import json
from collections.abc import Iterator
from typing import Any

from hub_config.settings import json_schema

from tests.charts.rendering import HIGHRATE, read_values

LIMITS = ("pattern", "enum", "minItems", "exclusiveMinimum", "maximum", "items")
# Set by the chart, which knows the release's profiles.
OF_THE_CHART = {"tokens.profile": "storage"}


def test_the_keys_are_the_same() -> None:
    assert set(_leaves(_charts(), _charts())) == set(_leaves(json_schema(), json_schema()))


def test_the_defaults_are_the_same() -> None:
    theirs = {
        path: schema["default"] for path, schema in _leaves(json_schema(), json_schema()).items() if "default" in schema
    }
    values = read_values(HIGHRATE / "values.yaml")["jupyterhub"]["custom"]["highrate"]
    ours = {path: _at(values, path) for path in theirs}
    assert ours == theirs | OF_THE_CHART


def test_the_limits_are_the_same() -> None:
    ours = _leaves(_charts(), _charts())
    for path, schema in _leaves(json_schema(), json_schema()).items():
        limits = {key: _plain(schema[key]) for key in LIMITS if key in schema}
        if path != "catalogue.images":  # by the name of the image
            said = {key: _plain(ours[path][key]) for key in limits if key in ours[path]}
            assert said == limits or path.endswith(("registries", "groups")), path


def test_an_image_has_the_same_keys() -> None:
    theirs = json_schema()["$defs"]["Image"]
    ours = _leaves(_charts(), _charts())["catalogue.images"]
    assert ours["additionalProperties"]["properties"].keys() == theirs["properties"].keys()
    (pattern,) = _leaves(json_schema(), json_schema())["catalogue.images"]["patternProperties"]
    assert ours["propertyNames"]["pattern"] == pattern


def _charts() -> dict[str, Any]:
    schema = json.loads((HIGHRATE / "values.schema.json").read_text(encoding="utf-8"))
    found: dict[str, Any] = schema["properties"]["jupyterhub"]["properties"]["custom"]["properties"]["highrate"]
    return found


def _leaves(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return dict(_walk(schema, root, ""))


def _walk(schema: dict[str, Any], root: dict[str, Any], prefix: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, below in schema["properties"].items():
        target = root["$defs"][below["$ref"].rpartition("/")[2]] if "$ref" in below else below
        if "properties" in target:
            yield from _walk(target, root, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", target


def _plain(limit: Any) -> Any:
    return {key: limit[key] for key in limit if key != "minLength"} if isinstance(limit, dict) else limit


def _at(values: Any, path: str) -> Any:
    for name in path.split("."):
        values = values[name]
    return values
