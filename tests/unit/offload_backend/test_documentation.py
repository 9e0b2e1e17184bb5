"""The configuration's page knows every key, option and metric, and no others; its example is a configuration."""

import re
from collections.abc import Iterator
from pathlib import Path

import yaml
from offload_backend import metrics
from offload_backend.core.choice import OPTIONS
from offload_backend.core.user_environment import RESERVED, RESERVED_NAMES
from offload_backend.model.catalogue import Catalogue
from offload_backend.model.limits import Place, WallTime
from offload_backend.model.settings import Settings
from prometheus_client import REGISTRY
from pydantic import BaseModel
from service_runtime.settings import parse_settings

PAGE = (Path(__file__).parents[3] / "docs/configuration/dask-gateway.md").read_text()


def section(title: str) -> str:
    return PAGE.split(f"## {title}\n")[1].split("\n## ")[0]


def keys(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        kinds = [field.annotation, *getattr(field.annotation, "__args__", ())]
        inner = next((k for k in kinds if isinstance(k, type) and issubclass(k, BaseModel)), None)
        if name == "sites":
            yield name
            yield from keys(Place, "sites.NAME.")
        elif inner is None or inner in (Catalogue, WallTime) or name == "group_limits":
            yield prefix + name
        else:
            yield from keys(inner, f"{prefix}{name}.")


def test_every_key_is_on_the_page_and_every_key_there_exists() -> None:
    rows = [line.split("|")[1] for line in section("Keys").splitlines() if line.startswith("| `")]
    documented = {key for row in rows for key in re.findall(r"`([A-Za-z_.]+)`", row)}
    assert documented == set(keys(Settings))


def test_every_option_is_on_the_page_and_every_reserved_name() -> None:
    rows = [line.split("|")[1] for line in section("Options of a cluster").splitlines() if line.startswith("| `")]
    assert {name for row in rows for name in re.findall(r"`([a-z_]+)`", row)} == set(OPTIONS)
    assert all(f"`{name}`" in section("Options of a cluster") for name in (*RESERVED, *RESERVED_NAMES))


def test_every_metric_is_on_the_page() -> None:
    assert metrics.CLUSTERS
    ours = {metric.name: metric.type for metric in REGISTRY.collect() if metric.name.startswith("offload_")}
    named = {name + "_total" if kind == "counter" else name for name, kind in ours.items()}
    assert named == set(re.findall(r"(offload_[a-z_]+)", section("Metrics")))


def test_the_example_is_a_configuration() -> None:
    example = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert example is not None
    assert list(parse_settings(Settings, yaml.safe_load(example[1]), "example").sites) == ["local", "site-one"]
