"""Schema, default values and reference page come from one source, which describes every key."""

import importlib.util
import json
import sys
from types import ModuleType

import jsonschema
import pytest
import yaml

from tests.charts.rendering import ROOT, VIRTUAL_NODE, Chart, Values


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference", ROOT / "charts" / "reference.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["reference"] = module
    spec.loader.exec_module(module)
    return module


def test_the_generated_files_are_up_to_date(reference: ModuleType) -> None:
    for path, text in reference.outputs().items():
        assert path.read_text(encoding="utf-8") == text, f"{path} is out of date: python charts/reference.py"


def test_every_key_has_a_description_and_a_default(reference: ModuleType) -> None:
    for key in reference.keys(yaml.safe_load(reference.SOURCE.read_text(encoding="utf-8"))):
        assert key.schema["description"].strip().endswith((".", ".)")), key.path
        assert key.is_section or "default" in key.schema, key.path


def test_every_section_is_closed() -> None:
    schema = json.loads((VIRTUAL_NODE / "values.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft7Validator.check_schema(schema)
    open_sections = [path for path, below in _sections(schema, "") if below.get("additionalProperties") is not False]
    assert open_sections == []


def test_the_defaults_are_values_that_the_schema_takes() -> None:
    schema = json.loads((VIRTUAL_NODE / "values.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(yaml.safe_load((VIRTUAL_NODE / "values.yaml").read_text(encoding="utf-8")), schema)


def test_the_matrix_sets_every_key(reference: ModuleType) -> None:
    used: set[str] = set()
    for path in (VIRTUAL_NODE / "ci").glob("*-values.yaml"):
        used |= set(_paths(yaml.safe_load(path.read_text(encoding="utf-8")), ""))
    source = yaml.safe_load(reference.SOURCE.read_text(encoding="utf-8"))
    missing = [key.path for key in reference.keys(source) if not key.is_section and key.path not in used]
    assert missing == []


def test_helm_finds_nothing_to_complain_about(chart: Chart, values: Values) -> None:
    if not values.get("metrics", {}).get("podMonitor", {}).get("enabled"):  # lint knows no cluster, so no operator
        chart.lint(values)


def _sections(schema: Values, path: str) -> list[tuple[str, Values]]:
    if "properties" not in schema or "default" in schema:
        return []
    below = [found for name, child in schema["properties"].items() for found in _sections(child, f"{path}.{name}")]
    return [(path, schema), *below]


def _paths(values: object, prefix: str) -> list[str]:
    if not isinstance(values, dict):
        return []
    return [path for name, below in values.items() for path in (f"{prefix}{name}", *_paths(below, f"{prefix}{name}."))]
