"""The platform's own images of sessions say what the contract asks for. What is in them is looked at where they are built."""

import json
import re
import tomllib
from pathlib import Path

import pytest
from highrate.image_check import contract

IMAGES = Path(__file__).parents[3] / "images"
SESSIONS = ("jupyterlab", "jupyterlab-offload")


@pytest.mark.parametrize("image", SESSIONS)
def test_the_entrypoint_is_an_init_and_our_command(image: str) -> None:
    words = json.loads(last(image, "ENTRYPOINT"))
    assert Path(words[0]).name in contract.INITS
    assert words[1:] == ["--", *contract.SESSION]
    assert json.loads(last(image, "CMD")) == [contract.SINGLEUSER]


@pytest.mark.parametrize("image", SESSIONS)
def test_labels_say_what_it_is_for(image: str) -> None:
    labels = dict(re.findall(r'(\S+)="([^"]*)"', last(image, "LABEL")))
    assert labels[contract.LABEL] == contract.VERSION
    assert (labels.get(contract.OFFLOAD_LABEL) == "true") is (image == "jupyterlab-offload")


@pytest.mark.parametrize("image", SESSIONS)
def test_the_client_is_the_last_thing_that_is_added(image: str) -> None:
    """It changes more often than all else: what comes after it is made and shipped again."""
    steps = [name for name, _ in instructions(image) if name in ("COPY", "RUN")]
    sources = [text for name, text in instructions(image) if name == "COPY"]
    assert sources[-1].startswith("wheels ")
    assert steps[-2:] == ["COPY", "RUN"]


def test_home_and_mount_points_are_the_contracts() -> None:
    (made,) = [text for name, text in instructions("jupyterlab-base") if name == "RUN" and "install -d" in text]
    assert f"install -d -m 1777 {contract.HOME} " in made
    assert f"mkdir -p {' '.join(contract.MOUNT_POINTS)}" in made
    assert f"HOME={contract.HOME} " in last("jupyterlab-base", "ENV")
    assert not [name for name in contract.PRIVILEGED if re.search(rf"\b{name}\b", made)]


def test_the_server_config_leaves_the_home_to_the_platform() -> None:
    """jupyter-resource-usage shows the disk of HOME, which the hub sets, unless it is told another."""
    text = (IMAGES / "jupyterlab-base" / "jupyter_server_config.json").read_text()
    config = json.loads(text)
    assert config["ResourceUseDisplay"]["track_disk_usage"] is True
    assert contract.HOME not in text and "disk_path" not in text
    assert set(config["ServerProxy"]["host_allowlist"]) == {"localhost", "127.0.0.1", "::1"}


def test_every_package_of_both_images_has_one_version() -> None:
    base, offload = locked("jupyterlab-base"), locked("jupyterlab-offload")
    assert {
        name: (base[name], offload[name]) for name in base.keys() & offload.keys() if base[name] != offload[name]
    } == {}
    assert offload["dask"] == offload["distributed"]


def test_the_contract_is_written_down_as_it_is_checked() -> None:
    page = (IMAGES.parent / "docs" / "images.md").read_text()
    rules = page.partition("## The contract")[2].partition("### Checking")[0]
    names = {"jupyterhub": "JupyterHub", "jupyterlab": "JupyterLab", "dask": "Dask", "distributed": "Distributed"}
    versions = {**contract.SESSION_PACKAGES, **contract.OFFLOAD_PACKAGES}
    for name, begin in versions.items():
        assert re.search(rf"{names.get(name, name)}( and \w+)? {re.escape(begin)}\b", rules), name
    words = (contract.HOME, *contract.MOUNT_POINTS, *contract.PRIVILEGED, *contract.INITS - {"tini-static"})
    labels = (f'{contract.LABEL}="{contract.VERSION}"', f'{contract.OFFLOAD_LABEL}="true"')
    assert [word for word in (*words, *labels, contract.SINGLEUSER, contract.CLIENT) if word not in rules] == []


def test_the_command_comes_with_the_package_and_needs_no_other() -> None:
    project = tomllib.loads((IMAGES.parent / "client" / "pyproject.toml").read_text())["project"]
    assert project["scripts"] == {contract.CLIENT: "highrate.cli:main"}
    assert project["dependencies"] == []


def last(image: str, instruction: str) -> str:
    return [text for name, text in instructions(image) if name == instruction][-1]


def instructions(image: str) -> list[tuple[str, str]]:
    """(name, arguments) of each, continued lines joined."""
    lines = (IMAGES / image / "Containerfile").read_text().splitlines()
    joined = re.sub(r"\\\n\s*", " ", "\n".join(line for line in lines if line and not line.startswith("#")))
    return [(words[0], words[2]) for line in joined.splitlines() if (words := line.partition(" "))]


def locked(image: str) -> dict[str, str]:
    return dict(
        re.findall(r"^([a-z0-9-]+)==([^ ;\\]+)", (IMAGES / image / "requirements.txt").read_text(), re.MULTILINE)
    )
