"""The stand-in beside the chart that it stands in for (Z2JH_CHART): same objects, same hub, same keys.

Collected only where the environment names an unpacked Zero to JupyterHub; conftest.py decides.
"""

import base64
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from devcluster.charts import STAND_IN, assemble, jupyterhub_chart

from tests.charts.highrate.hub import Hub, run
from tests.charts.navigation import is_jupyterhubs
from tests.charts.rendering import HIGHRATE, ROOT, WITH_MONITORS, Chart, Object, Values

REAL = jupyterhub_chart(ROOT).folder
STANDING_IN = ROOT / STAND_IN
# What the real chart itself refuses, with the words that it moved.
MOVED = {"hub.fsGid", "rbac.enabled"}
MADE_AT_RANDOM = ("auth_token", "cookie_secret", "CryptKeeper.keys", ".apiToken")


@pytest.fixture(scope="session")
def standing_in(chart: Chart, tmp_path_factory: pytest.TempPathFactory) -> Chart:
    scratch = tmp_path_factory.mktemp("charts")
    return Chart(chart.helm, assemble(HIGHRATE, scratch, {"jupyterhub": STANDING_IN}), chart.kept)


@pytest.fixture(scope="session")
def pair(chart: Chart, standing_in: Chart, values: Values) -> tuple[list[Object], list[Object]]:
    """The objects with the real chart, and with the stand-in."""
    real, stand_in = (each.render(values, options=WITH_MONITORS) for each in (chart, standing_in))
    return real, stand_in


def test_the_objects_are_the_same(pair: tuple[list[Object], list[Object]]) -> None:
    real, stand_in = (_comparable(objects) for objects in pair)
    assert stand_in.keys() == real.keys()
    for name, obj in stand_in.items():
        if name == ("ConfigMap", _hub_name(pair[0])):  # the stand-in has no names for objects that it never makes
            assert obj["data"].items() <= real[name]["data"].items()
        else:
            assert obj == real[name], name


def test_the_hub_is_configured_the_same(
    pair: tuple[list[Object], list[Object]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for objects in pair:
        # one after the other in one folder, whose name is in what they say
        found.append(_settings(run(objects, tmp_path / "hub", monkeypatch)))
        shutil.rmtree(tmp_path / "hub")
    real, stand_in = found
    assert stand_in == real


def test_the_keys_are_the_same() -> None:
    theirs, ours = (set(_keys(_schema(chart), "")) for chart in (REAL, STANDING_IN))
    known_sections = {key for key in ours if any(other.startswith(f"{key}.") for other in ours)} | {""}
    missing = {key for key in theirs - ours - MOVED if key.rpartition(".")[0] in known_sections}
    assert missing == set()
    defaults = dict(_flat(yaml.safe_load((REAL / "values.yaml").read_text(encoding="utf-8")), ""))
    invented = {key for key in ours - theirs if not any(f"{other}.".startswith(f"{key}.") for other in defaults)}
    assert invented == set()


def test_the_defaults_are_the_same() -> None:
    theirs = dict(_flat(yaml.safe_load((REAL / "values.yaml").read_text(encoding="utf-8")), ""))
    ours = dict(_flat(yaml.safe_load((STANDING_IN / "values.yaml").read_text(encoding="utf-8")), ""))
    unused = set(_unused(yaml.safe_load((STANDING_IN / "values.source.yaml").read_text(encoding="utf-8")), ""))
    assert {key: value for key, value in ours.items() if key not in unused and theirs.get(key, "none") != value} == {}


def _comparable(objects: list[Object]) -> dict[tuple[str, str], Object]:
    found = {}
    for obj in filter(is_jupyterhubs, objects):
        copy = json.loads(json.dumps(obj))
        _plain(copy)
        found[obj["kind"], obj["metadata"]["name"]] = _sorted(copy)
    return found


def _plain(obj: Object) -> None:
    """Without what is another text with the same meaning, or made at random."""
    if obj["kind"] == "Secret":
        plain = {key: base64.b64decode(text).decode() for key, text in obj.get("data", {}).items()}
        plain.update(obj.pop("stringData", {}))
        hidden = {key for key in plain if key.endswith(MADE_AT_RANDOM) or key == "values.yaml"}
        obj["data"] = {key: "" if key in hidden else text.strip() for key, text in plain.items()}
    if obj["kind"] == "ConfigMap":
        obj["data"] = {key: text for key, text in obj["data"].items() if not key.endswith(".py")}
    if obj["kind"] == "Deployment":
        annotations = obj["spec"]["template"]["metadata"]["annotations"]
        for name in [name for name in annotations if name.startswith("checksum/")]:
            annotations[name] = ""


def _sorted(value: Any) -> Any:
    """Lists without order: that of rules, volumes and variables means nothing, except in commands, which are texts."""
    if isinstance(value, dict):
        return {key: _sorted(below) for key, below in value.items()}
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return sorted((_sorted(each) for each in value), key=lambda each: json.dumps(each, sort_keys=True))
    return value


def _hub_name(objects: list[Object]) -> str:
    return next(str(o["metadata"]["name"]) for o in objects if o["kind"] == "ConfigMap" and is_jupyterhubs(o))


def _settings(hub: Hub) -> dict[str, Any]:
    """Everything that was set, by class and trait."""
    found: dict[str, Any] = {name: dict(section) for name, section in hub.config.items() if section}
    for name in ("volumes", "volume_mounts"):  # the keys are for merging only
        for section in ("KubeSpawner", "PlatformSpawner"):
            found[section][name] = _sorted(list(found[section].get(name, {}).values()))
    for section in found.values():  # what was appended to is what it was before, and more
        section.update({k: v.to_dict().get("extend", []) for k, v in section.items() if hasattr(v, "to_dict")})
    spawner = found["KubeSpawner"]
    for name in [name for name, value in spawner.items() if value in ([], {}, None)]:
        del spawner[name]
    hub_traits = found["JupyterHub"]
    hub_traits["cookie_secret"] = found["CryptKeeper"]["keys"] = ""
    for service in hub_traits["services"]:
        service.pop("api_token", None)
        if "command" in service:
            service["command"] = sorted(service["command"][1:])
    return found


def _schema(chart: Path) -> Values:
    loaded: Values = json.loads((chart / "values.schema.json").read_text(encoding="utf-8"))
    return loaded


def _keys(schema: Values, prefix: str) -> Iterator[str]:
    for name, below in schema.get("properties", {}).items():
        yield f"{prefix}{name}"
        yield from _keys(below, f"{prefix}{name}.")


def _unused(source: Values, prefix: str) -> Iterator[str]:
    """Keys that have no effect in the stand-in: of any type, and so without the real default."""
    for name, below in source.get("properties", {}).items():
        if below == {"default": None}:
            yield f"{prefix}{name}"
        yield from _unused(below, f"{prefix}{name}.")


def _flat(values: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    if isinstance(values, dict) and values:
        for name, below in values.items():
            yield from _flat(below, f"{prefix}{name}.")
    else:
        yield prefix.removesuffix("."), values
