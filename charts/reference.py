"""What administrators read about a chart's values comes from one documented source, so that nothing can drift apart.

site-library/site.schema.yaml is the source; written from it are the closed schema that Helm checks values with, the
default values with their comments, and the reference page. `--check` writes nothing and fails if a file differs.
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
SOURCE = CHARTS / "site-library" / "site.schema.yaml"
GENERATED_BY = "Made by charts/reference.py from charts/site-library/site.schema.yaml; change that."
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

Schema = dict[str, Any]


class Key(NamedTuple):
    """One key of the values: its dotted path and its schema."""

    path: str
    schema: Schema

    @property
    def is_section(self) -> bool:
        return is_section(self.schema)


def is_section(schema: Schema) -> bool:
    """A section has keys of ours; anything with a default is a value, however deep."""
    return "properties" in schema and "default" not in schema


def keys(schema: Schema, prefix: str = "") -> Iterator[Key]:
    """Every key below `schema`, sections before what is in them, in the order of the source."""
    for name, below in schema["properties"].items():
        key = Key(f"{prefix}{name}", below)
        yield key
        if key.is_section:
            yield from keys(below, f"{key.path}.")


def closed(schema: Schema) -> Schema:
    """`schema` with every section closed: a misspelt key must stop an upgrade, not be dropped in silence."""
    if not is_section(schema):
        return schema
    sections = {name: closed(below) for name, below in schema["properties"].items()}
    return {**schema, "additionalProperties": False, "properties": sections}


def schema_json(source: Schema) -> str:
    """The text of values.schema.json. Draft 7, the newest that every supported Helm knows."""
    tree = closed(source)
    tree["properties"] = {**tree["properties"], **HELMS_OWN}
    head = {"$schema": "http://json-schema.org/draft-07/schema#", "$comment": GENERATED_BY}
    return json.dumps({**head, **tree}, indent=2, ensure_ascii=False) + "\n"


def values_yaml(source: Schema) -> str:
    """The text of values.yaml: every key with its default, its description above it."""
    return f"# {GENERATED_BY}\n" + "".join(_value_lines(source, 0))


def _value_lines(schema: Schema, depth: int) -> Iterator[str]:
    indent = "  " * depth
    for name, below in schema["properties"].items():
        if depth == 0:
            yield "\n"
        yield textwrap.indent(_wrapped(below["description"], 118 - len(indent)), f"{indent}# ") + "\n"
        if is_section(below):
            yield f"{indent}{name}:\n"
            yield from _value_lines(below, depth + 1)
        else:
            yield f"{indent}{name}: {_flow(below['default'])}\n"


def page(source: Schema) -> str:
    """The text of the reference page: a table for each section."""
    rows: dict[str, list[str]] = {}
    about: dict[str, str] = {}
    for key in keys(source):
        section = key.path.split(".", 1)[0] if "." in key.path or key.is_section else ""
        if key.is_section and "." not in key.path:
            about[section] = key.schema["description"]
        if not key.is_section:
            rows.setdefault(section, []).append(_row(key))
    text = f"<!-- {GENERATED_BY} -->\n# Values of charts/virtual-node\n\n"
    text += "An unknown key stops the install, and so does a value that is missing or that contradicts another: the\n"
    text += "message says what to write. `helm show values charts/virtual-node` prints the same as YAML.\n"
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
    default = _flow(key.schema["default"])
    cells = (f"`{key.path}`", _type(key.schema), f"`{default}`" if default != '""' else "", meaning)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def _type(schema: Schema) -> str:
    if "enum" in schema:
        return " or ".join(f"`{choice}`" for choice in schema["enum"])
    if isinstance(schema["type"], list):
        return " or ".join(schema["type"])
    if schema["type"] == "array":
        return f"list of {schema['items']['type']}"
    return str(schema["type"])


def _flow(value: Any) -> str:
    """`value` as YAML on one line; JSON is YAML, but braces with bare keys read better."""
    if value == "":
        return '""'
    return yaml.safe_dump(value, default_flow_style=True, width=10_000, sort_keys=False).removesuffix("...\n").strip()


def _wrapped(text: str, width: int) -> str:
    return textwrap.fill(" ".join(text.split()), width, break_long_words=False, break_on_hyphens=False)


def outputs() -> dict[Path, str]:
    """Every generated file with the text it must have."""
    source = yaml.safe_load(SOURCE.read_text(encoding="utf-8"))
    chart = CHARTS / "virtual-node"
    return {
        chart / "values.schema.json": schema_json(source),
        chart / "values.yaml": values_yaml(source),
        CHARTS.parent / "docs" / "values-virtual-node.md": page(source),
    }


def main() -> int:
    """Write the files, or with --check tell which of them are out of date (exit code 1)."""
    parser = argparse.ArgumentParser(description="Generate schema, default values and reference page of the charts.")
    parser.add_argument("--check", action="store_true", help="only compare")
    check = parser.parse_args().check
    stale = [path for path, text in outputs().items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    for path in stale:
        if check:
            print(f"{path} is out of date: python charts/reference.py", file=sys.stderr)
        else:
            path.parent.mkdir(exist_ok=True)
            path.write_text(outputs()[path], encoding="utf-8")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
