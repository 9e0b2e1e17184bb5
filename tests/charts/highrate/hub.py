"""The hub's own configuration, run as the hub runs it: the files of its pod, laid out in a folder, its environment, traitlets."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from traitlets.config import Config
from traitlets.config.loader import PyFileConfigLoader

from tests.charts.highrate.mounted import environment, mount
from tests.charts.navigation import Workload, workloads
from tests.charts.rendering import Object

PLACE = "/usr/local/etc/jupyterhub"
SECRET_OF_THE_CLIENT = "/etc/highrate/iam"
GIVEN: Mapping[str, Mapping[str, str]] = {
    "highrate-iam": {"client-secret": "secret of the client\n"},
    "our-client": {"client-secret": "secret of the client\n"},
    "our-authorities": {"ca.crt": "-----BEGIN CERTIFICATE-----\n"},
    "hub-secrets": {"values.yaml": "hub: {config: {JupyterHub: {cookie_max_age_days: 3}}}\n"},
}


@dataclass(frozen=True)
class Hub:
    """What a hub's pod sees and what its configuration says."""

    objects: list[Object]
    folder: Path
    environment: dict[str, str]
    config: Config

    def file(self, path: str) -> Path:
        """A file of the pod, whether its path is the pod's or already that of the file here."""
        return self.folder / path.removeprefix(str(self.folder)).lstrip("/")


def workload(objects: list[Object]) -> Workload:
    (found,) = [each for each in workloads(objects) if each.labels.get("component") == "hub"]
    return found


def assert_every_volume_is_mounted(objects: list[Object]) -> None:
    """A sentence that makes the hub's pod lose a volume would be a trap."""
    pod = workload(objects).pod
    mounted = {place["name"] for place in pod["containers"][0]["volumeMounts"]}
    assert mounted == {volume["name"] for volume in pod["volumes"]}


def run(objects: list[Object], folder: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """Execute jupyterhub_config.py of the rendered chart. Raises what it raises."""
    mount(objects, workload(objects), "hub", GIVEN, folder)
    place = folder / PLACE.lstrip("/")
    for script in place.glob("*.py"):
        script.write_text(script.read_text(encoding="utf-8").replace(PLACE, str(place)), encoding="utf-8")
    for given in place.rglob("values.yaml"):
        # the hub doesn't start without it
        text = given.read_text(encoding="utf-8")
        there = str(folder / SECRET_OF_THE_CLIENT.lstrip("/"))
        given.write_text(text.replace(SECRET_OF_THE_CLIENT, there), encoding="utf-8")
    variables = environment(objects, workload(objects), "hub")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "z2jh", raising=False)
    # the real chart's wish for another HTTP client, which only hub images hold
    monkeypatch.setattr("tornado.httpclient.AsyncHTTPClient.configure", lambda *_, **__: None)
    try:
        config = PyFileConfigLoader("jupyterhub_config.py", path=str(place)).load_config()
    finally:
        sys.modules.pop("z2jh", None)
    return Hub(objects, folder, variables, config)


def section(config: Config, name: str) -> dict[str, Any]:
    """What is configured for one class."""
    return dict(config.get(name, {}))
