"""The image's examples: in a home once, never over something that is there; and notebooks that can be run."""

import ast
import json
import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dask.config
import pytest
import yaml
from dask_gateway import Gateway
from highrate import dask as highrate_dask
from highrate.session import command, examples

IMAGE = Path(__file__).parents[3] / "images" / "jupyterlab-offload"
NOTEBOOKS = sorted((IMAGE / "examples").glob("*.ipynb"))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "image"
    (folder / "data").mkdir(parents=True)
    (folder / "1.ipynb").write_text("one")
    (folder / "1.ipynb").chmod(0o444)
    (folder / "data" / "events.root").write_text("data")
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


def test_a_new_home_gets_them_to_be_changed(source: Path, home: Path) -> None:
    examples.offer({"HOME": str(home)}, source)
    assert [place.name for place in (home / "examples").iterdir()] == ["1.ipynb"]
    (home / "examples" / "1.ipynb").write_text("mine")
    examples.offer({"HOME": str(home)}, source)
    assert (home / "examples" / "1.ipynb").read_text() == "mine"
    assert sorted(place.name for place in home.iterdir()) == [".local", "examples"]


def test_what_was_deleted_stays_away(source: Path, home: Path) -> None:
    examples.offer({"HOME": str(home)}, source)
    (home / "examples" / "1.ipynb").unlink()
    (home / "examples").rmdir()
    examples.offer({"HOME": str(home)}, source)
    assert not (home / "examples").exists()


def test_a_folder_of_the_same_name_is_left_alone(source: Path, home: Path) -> None:
    (home / "examples").mkdir()
    examples.offer({"HOME": str(home)}, source)
    assert list((home / "examples").iterdir()) == []


def test_a_full_home_is_told_and_keeps_nobody_from_working(
    source: Path, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    examples.offer({"HOME": "/proc/self"}, source)
    assert "can't be copied into the home" in capfd.readouterr().err
    examples.offer({"HOME": ""}, source)
    examples.offer({"HOME": str(home)}, source / "not there")
    assert list(home.iterdir()) == []


@pytest.mark.parametrize(
    ("environ", "link"),
    [
        ({"JUPYTERHUB_SERVICE_PREFIX": "/user/ada/x/"}, "/user/ada/x/proxy/{port}/status"),
        ({"JUPYTERHUB_SERVICE_PREFIX": "/user/a/", "DASK_DISTRIBUTED__DASHBOARD__LINK": "mine"}, None),
        ({}, None),
    ],
)
def test_dashboards_inside_of_a_session_open_through_the_hub(environ: dict[str, str], link: str | None) -> None:
    assert command._for_dask(environ).get("DASK_DISTRIBUTED__DASHBOARD__LINK") == link


@pytest.mark.parametrize("place", NOTEBOOKS, ids=lambda place: str(place.stem))
def test_a_notebook_has_cells_that_compile_and_no_output(place: Path) -> None:
    book = json.loads(place.read_text())
    assert (book["nbformat"], book["metadata"]["kernelspec"]["name"]) == (4, "python3")
    assert len({cell["id"] for cell in book["cells"]}) == len(book["cells"])
    for cell in code(book):
        ast.parse("\n".join(line for line in "".join(cell["source"]).splitlines() if not line.startswith("%")))
        assert (cell["outputs"], cell["execution_count"]) == ([], None)
    assert "".join(book["cells"][0]["source"]).startswith("# ")
    assert "close()" in "".join(code(book)[-1]["source"])


def code(book: dict[str, Any]) -> list[dict[str, Any]]:
    return [cell for cell in book["cells"] if cell["cell_type"] == "code"]


def test_there_is_an_example_of_everything() -> None:
    text = "".join(place.read_text() for place in NOTEBOOKS)
    for what in ("LocalCluster", "new_cluster(", "coffea", "executor=client", ".adapt(", "worker_logs", "upload_file"):
        assert what in text


async def test_the_images_dask_configuration_names_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    found = yaml.safe_load((IMAGE / "highrate-dask.yaml").read_text())
    factory = found["labextension"]["factory"]
    assert factory["module"] == highrate_dask.__name__
    assert callable(getattr(highrate_dask, factory["class"]))
    monkeypatch.setenv("JUPYTER_IMAGE", "registry.example.org/a:1")
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "t")
    with dask.config.set(dask.config.merge(dask.config.global_config, found)):
        async with Gateway("http://127.0.0.1:9", asynchronous=True) as gateway:
            assert gateway._config_cluster_options() == {"image": "registry.example.org/a:1"}
            assert type(gateway.auth).__name__ == "JupyterHubAuth"


@pytest.mark.parametrize(
    ("host", "allowed"), [("localhost", True), ("127.0.0.1", True), ("::1", True), ("10.0.0.1", False), ("hub", False)]
)
def test_the_sessions_server_leads_to_no_other_host(host: str, allowed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    config = SimpleNamespace(ServerProxy=SimpleNamespace())
    monkeypatch.setenv("DASK_GATEWAY__ADDRESS", "http://dask-proxy:8000/prefix")
    runpy.run_path(str(IMAGE / "jupyter_server_config.py"), {"get_config": lambda: config})
    assert config.ServerProxy.host_allowlist(SimpleNamespace(), host) is allowed
