"""Schemas, default values and reference pages come from one source each, which describes every key."""

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import jsonschema
import pytest
import yaml

from tests.charts.rendering import HIGHRATE, ROOT, VIRTUAL_NODE, Chart, Values, ci_values, read_values

SOURCES = {VIRTUAL_NODE: "SITE", HIGHRATE: "PLATFORM"}
each_chart = pytest.mark.parametrize("folder", SOURCES, ids=lambda folder: folder.name)


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


@each_chart
def test_every_key_has_a_description_and_a_default(reference: ModuleType, folder: Path) -> None:
    for key in reference.keys(reference.read(getattr(reference, SOURCES[folder]))):
        assert key.schema["description"].strip().endswith((".", ".)")), key.path
        assert key.is_section or "default" in key.schema, key.path


@each_chart
def test_every_section_of_ours_is_closed(folder: Path) -> None:
    schema = _schema(folder)
    jsonschema.Draft7Validator.check_schema(schema)
    open_sections = [path for path, below in _sections(schema, "") if below.get("additionalProperties") is not False]
    ours = [path for path in open_sections if not path.startswith(".jupyterhub") or "highrate" in path]
    assert ours == []


def test_sections_of_zero_to_jupyterhub_are_left_to_its_own_schema() -> None:
    """Its chart would say what is wrong better, and with another version something else is right."""
    jupyterhub = _schema(HIGHRATE)["properties"]["jupyterhub"]
    theirs = dict(_sections(jupyterhub, ""))
    assert jupyterhub["additionalProperties"] is True
    assert theirs[".hub.config.JupyterHub"]["additionalProperties"] is True
    assert theirs[".hub.image"]["properties"]["tag"].keys() == {"description"}


@each_chart
def test_the_defaults_are_values_that_the_schema_takes(folder: Path) -> None:
    jsonschema.validate(read_values(folder / "values.yaml"), _schema(folder))


@each_chart
def test_the_matrix_sets_every_key(reference: ModuleType, folder: Path) -> None:
    used: set[str] = set()
    for path in ci_values(folder):
        used |= set(_paths(read_values(path), ""))
    keys = [key for key in reference.keys(reference.read(getattr(reference, SOURCES[folder]))) if not key.is_section]
    ours = [key.path for key in keys if not key.path.startswith("jupyterhub.") or ".custom.highrate." in key.path]
    assert [path for path in ours if path not in used] == []


def test_a_site_s_defaults_in_a_larger_chart_are_those_of_its_own_chart(reference: ModuleType) -> None:
    template = (ROOT / "charts" / "site-library" / "templates" / "_defaults.tpl").read_text(encoding="utf-8")
    defaults = yaml.safe_load("\n".join(template.splitlines()[2:-1]))
    assert defaults == read_values(VIRTUAL_NODE / "values.yaml") == reference.defaults(reference.read(reference.SITE))


def test_helm_finds_nothing_to_complain_about(chart: Chart, values: Values) -> None:
    if not values.get("metrics", {}).get("podMonitor", {}).get("enabled"):  # lint knows no cluster, so no operator
        chart.lint(values)


def _schema(folder: Path) -> Values:
    loaded: Values = json.loads((folder / "values.schema.json").read_text(encoding="utf-8"))
    return loaded


def _sections(schema: Values, path: str) -> list[tuple[str, Values]]:
    if "properties" not in schema or "default" in schema:
        return []
    below = [found for name, child in schema["properties"].items() for found in _sections(child, f"{path}.{name}")]
    return [(path, schema), *below]


def _paths(values: object, prefix: str) -> list[str]:
    if not isinstance(values, dict):
        return []
    return [path for name, below in values.items() for path in (f"{prefix}{name}", *_paths(below, f"{prefix}{name}."))]
