"""What `condor.settings` may hold is what the sidecar reads: a slip is a refused install, not a sidecar that never starts.

The schema is written by hand, since the chart's sources stand by themselves; here it is held against the sidecar's own model.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema
from condor_sidecar.settings import Settings

from tests.charts.rendering import VIRTUAL_NODE

Schema = dict[str, Any]

SET_BY_THE_CHART = {
    "": {"instance", "node", "listen", "tls", "data", "metrics", "max_body_bytes", "resources"},
    ".endpoint": {"mode", "collector", "schedd", "auth"},
    ".channel": {"url", "listen", "tls", "authorities", "secret_file"},
}
BOUNDS = ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum")
MODEL = Settings.model_json_schema(by_alias=True)
CHART: Schema = json.loads((VIRTUAL_NODE / "values.schema.json").read_text(encoding="utf-8"))["properties"]["condor"][
    "properties"
]["settings"]


def test_both_have_the_same_keys_of_the_same_kinds_with_the_same_bounds() -> None:
    assert list(_differences("", CHART, MODEL)) == []


def test_what_the_sidecar_takes_for_itself_is_a_value_of_the_chart() -> None:
    sections = {"defaults", "wall_time", "images", "hostpath", "volumes", "policy", "poll", "hold", "output"}
    settings = Settings.model_validate(
        {
            "instance": "site",
            "endpoint": {"collector": "pool.example.org:9618", "auth": {"token_file": "/token"}},
        }
    )
    jsonschema.validate(settings.model_dump(mode="json", include=sections), CHART)
    limits = settings.endpoint.limits.model_dump(mode="json")
    jsonschema.validate({"endpoint": {"limits": limits, "submit": {"accounting_group": "physics"}}}, CHART)


def _differences(path: str, chart: Schema, model: Schema) -> Iterator[str]:
    """A sentence for each."""
    model = _meant(model)
    if chart["type"] != model["type"]:
        yield f"{path}: {chart['type']} in the chart, {model['type']} in the sidecar"
    if _bounds(chart) != _bounds(model):
        yield f"{path}: {_bounds(chart)} in the chart, {_bounds(model)} in the sidecar"
    if chart["type"] == "array":
        yield from _differences(f"{path}[]", chart["items"], model["items"])
    if "properties" not in model:
        return
    if chart.get("additionalProperties") is not False:
        yield f"{path} is open"
    if set(chart.get("required", [])) - set(model.get("required", [])):
        yield f"{path}: the sidecar does without one of {chart['required']}"
    here = chart["properties"]
    there = {name: below for name, below in model["properties"].items() if name not in SET_BY_THE_CHART.get(path, ())}
    yield from (f"{path}.{name} is in one of them alone" for name in sorted(here.keys() ^ there.keys()))
    for name in here.keys() & there.keys():
        yield from _differences(f"{path}.{name}", here[name], there[name])


def _meant(schema: Schema) -> Schema:
    """Behind a reference, and without the choice to leave a key out."""
    if "$ref" in schema:
        return _meant(MODEL["$defs"][schema["$ref"].rpartition("/")[2]])
    choices = [choice for choice in schema.get("anyOf", []) if choice.get("type") != "null" and "const" not in choice]
    return _meant(choices[0]) if choices else schema


def _bounds(schema: Mapping[str, Any]) -> dict[str, float]:
    """For whole numbers, more than 0 is at least 1."""
    found = {name: schema[name] for name in BOUNDS if name in schema}
    if schema.get("type") == "integer" and "exclusiveMinimum" in found:
        found["minimum"] = found.pop("exclusiveMinimum") + 1
    return found
