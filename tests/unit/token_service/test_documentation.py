"""The configuration's page knows every key, every error code and every metric, and no others."""

import re
from collections.abc import Iterator
from pathlib import Path

import yaml
from prometheus_client import REGISTRY
from pydantic import BaseModel
from service_runtime.settings import parse_settings
from service_runtime.tls import TlsFiles
from token_service import metrics
from token_service.model.refusal import Outcome
from token_service.model.settings import Profile, Settings

PAGE = (Path(__file__).parents[3] / "docs/configuration/token-service.md").read_text()


def keys(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        kind = field.annotation
        if name == "profiles":
            yield from keys(Profile, "profiles.NAME.")
        elif isinstance(kind, type) and issubclass(kind, BaseModel) and kind is not TlsFiles:
            yield from keys(kind, f"{prefix}{name}.")
        else:
            yield prefix + name


def test_every_key_is_on_the_page_and_every_key_there_exists() -> None:
    rows = [line.split("|")[1] for line in PAGE.splitlines() if line.startswith("| `")]
    documented = {key for row in rows for key in re.findall(r"`([A-Za-z_.]+)`", row)}
    assert documented == set(keys(Settings))


def test_every_code_is_on_the_page_with_its_status() -> None:
    rows = [line.split("|") for line in PAGE.splitlines() if re.match(r"\| \d{3} ", line)]
    documented = {(int(row[1]), code) for row in rows for code in re.findall(r"`([a-z_]+)`", row[2])}
    unseen = {Outcome.OK, Outcome.ABANDONED}
    assert documented == {(outcome.status, outcome) for outcome in Outcome if outcome not in unseen}


def test_every_metric_is_on_the_page() -> None:
    assert metrics.calls
    ours = {metric.name: metric.type for metric in REGISTRY.collect() if metric.name.startswith("token_service_")}
    named = {name + "_total" if kind == "counter" else name for name, kind in ours.items()}
    assert named == set(re.findall(r"`(token_service_[a-z_]+)", PAGE.split("## Metrics")[1]))


def test_the_example_is_a_configuration() -> None:
    example = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert example is not None
    assert parse_settings(Settings, yaml.safe_load(example[1]), "example").profiles.keys() == {"storage"}
