"""What administrators read about a chart's values comes from one documented source, so that nothing can drift apart.

Sources are site-library/site.schema.yaml for a site and highrate/values.source.yaml for the platform. Written from them are
the closed schemas that Helm checks values with, the default values with their comments, the reference pages, and a
site's defaults as a template. The development stand-in's schema is made here too. `--check` writes nothing and fails if
a file differs.
"""

import argparse
import json
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

CHARTS = Path(__file__).resolve().parent
ROOT = CHARTS.parent
SITE = CHARTS / "site-library" / "site.schema.yaml"
PLATFORM = CHARTS / "highrate" / "values.source.yaml"
STAND_IN = ROOT / "devcluster" / "stand-ins" / "jupyterhub" / "values.source.yaml"
# What Helm itself puts among the values of a chart with a dependency.
HELMS_OWN = {
    "global": {"type": "object", "description": "Helm's own: shared values of a parent chart. Not read."},
    "site-library": {
        "type": "object",
        "description": "Helm's own: values of the library, which has none.",
        "additionalProperties": False,
        "properties": {"global": {"type": "object"}},
    },
}
# What stands in the sources for people and this program, not for Helm.
NOT_FOR_HELM = ("x-anchors", "open", "page")
# A key of another chart has no type here; its default has.
TYPES = {str: "string", bool: "boolean", int: "integer", float: "number", dict: "object", list: "array"}

Schema = dict[str, Any]


class Key(NamedTuple):
    """One key of the values: its dotted path, its schema, and the path of the section whose table shows it."""

    path: str
    schema: Schema
    table: str

    @property
    def is_section(self) -> bool:
        return is_section(self.schema)


def is_section(schema: Schema) -> bool:
    """A section has keys of ours; anything with a default is a value, however deep."""
    return "properties" in schema and "default" not in schema


def read(path: Path) -> Schema:
    """A source, with everything that it takes from a site's (`from`) in its place."""
    return _with_sites_keys(yaml.safe_load(path.read_text(encoding="utf-8")))


def _with_sites_keys(schema: Schema) -> Schema:
    if set(schema) == {"from"}:
        found: Schema = yaml.safe_load(SITE.read_text(encoding="utf-8"))
        for name in filter(None, schema["from"].split(".")):
            found = found["properties"][name]
        return found
    return {name: _with_sites_keys(below) if isinstance(below, dict) else below for name, below in schema.items()}


def keys(schema: Schema, prefix: str = "", table: str = "") -> Iterator[Key]:
    """Every key below `schema`, sections before what is in them, in the order of the source."""
    for name, below in schema["properties"].items():
        path = f"{prefix}{name}"
        own_table = path if below.get("page") or (is_section(below) and not prefix) else table
        yield Key(path, below, own_table)
        if is_section(below):
            yield from keys(below, f"{path}.", own_table)


def closed(schema: Schema, open_: bool = False) -> Schema:
    """`schema` with every section closed: a misspelt key must stop an upgrade, not be dropped in silence.

    Sections of another chart's keys stay open, and their values anything: that chart has a schema of its own.
    """
    open_ = schema.get("open", open_)
    kept = {key: value for key, value in schema.items() if key not in NOT_FOR_HELM}
    if not is_section(schema):
        entries = schema.get("additionalProperties")
        if isinstance(entries, dict) and is_section(entries):
            kept["additionalProperties"] = closed(entries)
        return {"description": schema["description"]} if open_ else kept
    sections = {name: closed(below, open_) for name, below in schema["properties"].items()}
    return {
        **kept,
        "type": "object",
        "additionalProperties": schema.get("additionalProperties", open_),
        "properties": sections,
    }


def schema_json(source: Path, tree: Schema) -> str:
    """The text of values.schema.json. Draft 7, the newest that every supported Helm knows."""
    head = {"$schema": "http://json-schema.org/draft-07/schema#", "$comment": _generated_by(source)}
    return json.dumps({**head, **tree}, indent=2, ensure_ascii=False) + "\n"


def values_yaml(source: Path) -> str:
    """The text of values.yaml: every key with its default, its description above it."""
    return f"# {_generated_by(source)}\n" + "".join(_value_lines(read(source), 0))


def _value_lines(schema: Schema, depth: int) -> Iterator[str]:
    indent = "  " * depth
    for name, below in schema["properties"].items():
        if depth == 0:
            yield "\n"
        if "description" in below:
            yield textwrap.indent(_wrapped(below["description"], 118 - len(indent)), f"{indent}# ") + "\n"
        if is_section(below):
            yield f"{indent}{name}:\n"
            yield from _value_lines(below, depth + 1)
        elif isinstance(below["default"], str) and "\n" in below["default"]:
            yield f"{indent}{name}: |\n" + textwrap.indent(below["default"], f"{indent}  ")
        else:
            yield f"{indent}{name}: {_flow(below['default'])}\n"


def page(source: Path, chart: str) -> str:
    """The text of a reference page: a table for each section."""
    rows: dict[str, list[str]] = {}
    about: dict[str, str] = {}
    for key in keys(read(source)):
        if key.is_section and key.table == key.path:
            about[key.table] = key.schema["description"]
        if not key.is_section:
            rows.setdefault(key.table, []).append(_row(key))
    text = f"<!-- {_generated_by(source)} -->\n# Values of {chart}\n\n"
    text += "An unknown key stops the install, and so does a value that is missing or that contradicts another: the\n"
    text += f"message says what to write. `helm show values {chart}` prints the same as YAML.\n"
    for section, lines in rows.items():
        text += f"\n## {section or 'The release'}\n\n"
        if section:
            text += _wrapped(about[section], 120) + "\n\n"
        text += "| key | type | default | meaning |\n|---|---|---|---|\n" + "".join(lines)
    return text


def _row(key: Key) -> str:
    meaning = " ".join(key.schema["description"].split())
    if "examples" in key.schema:
        meaning += " Example: " + ", ".join(f"`{example}`" for example in key.schema["examples"])
    cells = (f"`{key.path}`", _type(key.schema), _code(key.schema["default"]), meaning)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def _code(default: Any) -> str:
    if default == "":
        return ""
    return "see `helm show values`" if isinstance(default, str) and "\n" in default else f"`{_flow(default)}`"


def _type(schema: Schema) -> str:
    if "enum" in schema:
        return " or ".join(f"`{choice}`" for choice in schema["enum"])
    kind = schema.get("type") or TYPES[type(schema["default"])]
    if isinstance(kind, list):
        return " or ".join(kind)
    if kind == "array":
        return f"list of {schema['items']['type']}" if "items" in schema else "list"
    return str(kind)


def _flow(value: Any) -> str:
    """`value` as YAML on one line; JSON is YAML, but braces with bare keys read better."""
    if value == "":
        return '""'
    return yaml.safe_dump(value, default_flow_style=True, width=10_000, sort_keys=False).removesuffix("...\n").strip()


def _wrapped(text: str, width: int) -> str:
    return textwrap.fill(" ".join(text.split()), width, break_long_words=False, break_on_hyphens=False)


def _generated_by(source: Path) -> str:
    return f"Made by charts/reference.py from {source.relative_to(ROOT)}; change that."


def defaults(schema: Schema) -> Any:
    """The default values, as one tree."""
    if not is_section(schema):
        return schema["default"]
    return {name: defaults(below) for name, below in schema["properties"].items()}


def defaults_template(source: Path) -> str:
    """The text of a template with a site's default values, for charts in which a site is one of many."""
    values = yaml.safe_dump(defaults(read(source)), sort_keys=False, width=110)
    comment = f"{{{{/* {_generated_by(source)} */}}}}"
    return f'{comment}\n{{{{- define "site.defaults" -}}}}\n{values}{{{{- end -}}}}\n'


def outputs() -> dict[Path, str]:
    """Every generated file with the text it must have."""
    docs, node, platform = ROOT / "docs", CHARTS / "virtual-node", CHARTS / "highrate"
    return {
        node / "values.schema.json": schema_json(SITE, _with_helms_own(closed(read(SITE)))),
        node / "values.yaml": values_yaml(SITE),
        docs / "values-virtual-node.md": page(SITE, "charts/virtual-node"),
        CHARTS / "site-library" / "templates" / "_defaults.tpl": defaults_template(SITE),
        platform / "values.schema.json": schema_json(PLATFORM, _with_helms_own(closed(read(PLATFORM)))),
        platform / "values.yaml": values_yaml(PLATFORM),
        docs / "values.md": page(PLATFORM, "charts/highrate"),
        STAND_IN.with_name("values.schema.json"): schema_json(STAND_IN, closed(read(STAND_IN))),
        STAND_IN.with_name("values.yaml"): values_yaml(STAND_IN),
    }


def _with_helms_own(tree: Schema) -> Schema:
    return {**tree, "properties": {**tree["properties"], **HELMS_OWN}}


def main() -> int:
    """Write the files, or with --check tell which of them are out of date (exit code 1)."""
    parser = argparse.ArgumentParser(description="Generate schemas, default values and reference pages of the charts.")
    parser.add_argument("--check", action="store_true", help="only compare")
    check = parser.parse_args().check
    stale = {
        path: text for path, text in outputs().items() if not path.is_file() or path.read_text(encoding="utf-8") != text
    }
    for path, text in stale.items():
        if check:
            print(f"{path} is out of date: python charts/reference.py", file=sys.stderr)
        else:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
