"""Whether an image keeps the contract, and what somebody is told who made one that doesn't."""

import argparse
import io
import re
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from highrate.image_check import command, contract
from highrate.image_check.rules import check
from highrate.image_check.sources import NotAnImage, open_image

from tests.unit.client.images import (
    CONFIGURATION,
    FOLDER,
    SITE,
    Layer,
    docker_archive,
    good_layer,
    oci_layout,
    unpacked,
)

ROOT = Path(__file__).parents[3]
IN_HOME = "root/miniconda/bin/jupyterhub-singleuser"


def findings(tmp_path: Path, *layers: Layer, offload: bool | None = None, **configuration: Any) -> str:
    """What is said of an image with these layers over a good one, and with these changes of the configuration."""
    place = docker_archive(tmp_path / "image.tar", [good_layer(), *layers], {**CONFIGURATION, **configuration})
    return "\n".join(finding.what for finding in check(open_image(str(place)), offload=offload))


def test_a_good_image_keeps_it_in_every_form(tmp_path: Path) -> None:
    layer = good_layer()
    forms = (
        docker_archive(tmp_path / "docker.tar", [layer]),
        oci_layout(tmp_path / "oci", [layer]),
        unpacked(tmp_path / "folder", layer),
    )
    assert [check(open_image(str(form))) for form in forms] == [[], [], []]


def test_the_same_fault_is_found_in_every_form(tmp_path: Path) -> None:
    layer = {**good_layer(), "usr/bin/sudo": (0o4755, "")}
    forms = (
        docker_archive(tmp_path / "docker.tar", [layer]),
        oci_layout(tmp_path / "oci", [layer]),
        unpacked(tmp_path / "folder", layer),
    )
    said = [[finding.what for finding in check(open_image(str(form)))] for form in forms]
    assert said == [["/usr/bin/sudo is set-user-id: nobody becomes root in a session"]] * 3


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        ({"opt/jupyter/bin/.wh.jupyterhub-singleuser": (0o644, "")}, "jupyterhub-singleuser is not on PATH"),
        ({"opt/.wh..wh..opq": (0o644, "")}, "jupyterhub-singleuser is not on PATH"),
        ({f"{SITE}/.wh.jupyterhub-5.5.4.dist-info": (0, "")}, "no Python package jupyterhub in /opt/jupyter"),
        ({f"{SITE}/.wh.highrate-0.1.0.dist-info": (0, "")}, "no Python package highrate in /opt/jupyter"),
        ({f"{SITE}/jupyterhub-5.50.0.dist-info/METADATA": (0o644, "")}, "jupyterhub is 5.50.0, the platform's is 5.5"),
        ({"home/jovyan": (FOLDER | 0o755, "")}, "/home/jovyan is no folder that every user may write"),
        ({"home/.wh.jovyan": (0, "")}, "/home/jovyan is no folder that every user may write"),
        ({".wh.cvmfs": (0, "")}, "there is no /cvmfs"),
        ({"opt/jupyter": (FOLDER | 0o700, "")}, "only some users may run /opt/jupyter/bin/jupyterhub-singleuser"),
        ({"opt/jupyter/bin/jupyterhub-singleuser": (0o700, "")}, "only some users may run"),
        ({"usr/local/bin/sudo": (0o4755, "")}, "/usr/local/bin/sudo is set-user-id"),
    ],
)
def test_what_is_wrong_with_its_files(tmp_path: Path, layer: Layer, expected: str) -> None:
    said = findings(tmp_path, layer)
    assert expected in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize(
    ("configuration", "expected"),
    [
        ({"Entrypoint": ["highrate", "session"]}, "doesn't begin with an init"),
        ({"Entrypoint": ["tini", "--"]}, "doesn't end with `highrate session`"),
        ({"Labels": {}}, "the label highrate.contract is missing"),
        ({"Labels": {"highrate.contract": "0"}}, 'the label highrate.contract is "0"'),
        ({"Env": ["PATH=/opt/jupyter/bin", "HOME=/root"]}, "HOME is /root, the home is mounted at /home/jovyan"),
        ({"Env": ["PATH=/usr/bin"]}, "jupyterhub-singleuser is not on PATH"),
    ],
)
def test_what_is_wrong_with_its_configuration(tmp_path: Path, configuration: dict[str, Any], expected: str) -> None:
    said = findings(tmp_path, **configuration)
    assert expected in said
    assert len(said.splitlines()) == 1


def test_an_image_without_any_configuration_is_told_all_of_it(tmp_path: Path) -> None:
    place = docker_archive(tmp_path / "image.tar", [good_layer()], {"Env": None, "Entrypoint": None, "Labels": None})
    assert len(check(open_image(str(place)))) == 4


@pytest.mark.parametrize("how", ["label", "asked"])
def test_an_image_of_workers_needs_dask_in_the_platforms_version(tmp_path: Path, how: str) -> None:
    labels = {"highrate.contract": "1", "highrate.offload": "true"}
    offload = True if how == "asked" else None
    place = docker_archive(tmp_path / "good.tar", [good_layer(offload=True)], {**CONFIGURATION, "Labels": labels})
    assert check(open_image(str(place)), offload=offload) == []
    said = findings(tmp_path, {f"{SITE}/dask-2025.1.0.dist-info/METADATA": (0o644, "")}, Labels=labels, offload=offload)
    assert "the Python package dask is 2025.1.0, the platform's is 2026.8" in said
    assert "there is no Python package distributed" in said
    assert "there is no Python package dask-gateway" in said
    assert findings(tmp_path, Labels=labels, offload=False) == ""


def test_links_are_followed_inside_of_the_image_and_never_forever(tmp_path: Path) -> None:
    moved = {
        "opt/jupyter/bin/.wh.jupyterhub-singleuser": (0, ""),
        "opt/jupyter/bin/real": (0o755, ""),
        "usr/bin/jupyterhub-singleuser": (0o777, "../../opt/jupyter/bin/real"),
        "home/.wh.jovyan": (0, ""),
        "srv/home": (FOLDER | 0o777, ""),
        "home/jovyan": (0o777, "/srv/home"),
    }
    assert findings(tmp_path, moved) == ""
    assert "/cvmfs" in findings(tmp_path, {".wh.cvmfs": (0, ""), "cvmfs": (0o777, "cvmfs")})


def test_a_program_in_roots_home_is_closed_to_others(tmp_path: Path) -> None:
    layer = {"root": (FOLDER | 0o700, ""), "root/miniconda/bin": (FOLDER | 0o755, ""), IN_HOME: (0o755, "")}
    assert "/root is closed to others" in findings(tmp_path, layer, Env=["PATH=/root/miniconda/bin"])


def test_a_folder_without_configuration_is_judged_by_its_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    layer = {**good_layer(), "usr/bin/jupyterhub-singleuser": (0o777, "/opt/jupyter/bin/jupyterhub-singleuser")}
    assert command_line(unpacked(tmp_path / "folder", layer, None)) == command.KEPT
    assert "Entrypoint and labels were not looked at" in capsys.readouterr().out


def test_the_command_tells_what_to_do_and_its_exit_code_tells_the_rest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command_line(docker_archive(tmp_path / "good.tar", [good_layer()])) == command.KEPT
    assert "the contract is kept" in capsys.readouterr().out
    broken: Layer = {"home/jovyan": (FOLDER | 0o755, "")}
    assert command_line(docker_archive(tmp_path / "broken.tar", [good_layer(), broken])) == command.BROKEN
    assert "RUN install -d -m 1777 /home/jovyan" in capsys.readouterr().out


def test_a_platform_may_mount_homes_elsewhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = "PATH=/opt/jupyter/bin:/usr/bin:/bin"
    layer = {**good_layer(), "home/people": (FOLDER | 0o1777, "")}
    there = docker_archive(tmp_path / "there.tar", [layer], {**CONFIGURATION, "Env": [path, "HOME=/home/people"]})
    assert command_line(there, "--home", "/home/people") == command.KEPT
    assert command_line(there) == command.BROKEN
    assert "HOME is /home/people, the home is mounted at /home/jovyan" in capsys.readouterr().out
    here = docker_archive(tmp_path / "here.tar", [good_layer()])
    assert command_line(here, "--home", "/home/people") == command.BROKEN
    said = capsys.readouterr().out
    assert "ENV HOME=/home/people" in said and "RUN install -d -m 1777 /home/people" in said


@pytest.mark.parametrize("content", [b"", b"no archive", b"\x1f\x8b garbage"])
def test_what_is_no_image_is_said_to_be_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(NotAnImage, match="no image archive"):
        open_image(str(tmp_path / "file"))


@pytest.mark.parametrize(
    "manifest", ["{}", "[1]", '[{"Config": []}]', '[{"Config": "c.json", "Layers": 1}]', "[" * 100_000, '"x"', "null"]
)
def test_an_archive_of_something_else_is_said_to_be_none(tmp_path: Path, manifest: str) -> None:
    with tarfile.open(tmp_path / "file", "w") as archive:
        for name, text in (("manifest.json", manifest), ("c.json", "[]")):
            member = tarfile.TarInfo(name)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    with pytest.raises(NotAnImage, match="no image archive"):
        open_image(str(tmp_path / "file"))


def test_a_file_that_cant_be_read_is_said_to_be_so() -> None:
    """Root may read everything but this."""
    with pytest.raises(NotAnImage, match=r"/proc/self/mem can't be read: .*Input/output error"):
        open_image("/proc/self/mem")


@pytest.mark.parametrize(
    "spoiled",
    [lambda content: content[: len(content) // 2], lambda content: content[:100] + b"\xff" * 50 + content[150:]],
    ids=["cut off", "overwritten"],
)
def test_a_layer_that_is_not_whole_is_said_to_be_so(tmp_path: Path, spoiled: Callable[[bytes], bytes]) -> None:
    layout = oci_layout(tmp_path / "oci", [good_layer()])
    for blob in (layout / "blobs" / "sha256").iterdir():
        content = blob.read_bytes()
        if content.startswith(b"\x1f\x8b"):
            blob.write_bytes(spoiled(content))
    with pytest.raises(NotAnImage, match="only a part of one"):
        open_image(str(layout))


def test_a_reference_in_a_registry_is_answered_with_how_to_fetch_it() -> None:
    with pytest.raises(NotAnImage, match=r"skopeo copy docker://registry\.example\.org/me/image:1 oci-archive:"):
        open_image("registry.example.org/me/image:1")


def test_a_layer_in_a_form_that_cant_be_read_is_answered_with_how_to_change_it(tmp_path: Path) -> None:
    layout = oci_layout(tmp_path / "oci", [good_layer()])
    for blob in (layout / "blobs" / "sha256").iterdir():
        if blob.read_bytes().startswith(b"\x1f\x8b"):
            blob.write_bytes(b"\x28\xb5\x2f\xfd....")
    with pytest.raises(NotAnImage, match="dest-compress-format gzip"):
        open_image(str(layout))


def test_the_contracts_versions_are_those_of_the_platforms_own_images() -> None:
    locked = {name: _locked(name) for name in ("hub", "jupyterlab-base", "jupyterlab-offload")}
    assert locked["hub"]["jupyterhub"] == locked["jupyterlab-base"]["jupyterhub"]
    wanted: Mapping[str, str] = {**contract.SESSION_PACKAGES, **contract.OFFLOAD_PACKAGES}
    for name, begin in wanted.items():
        image = "jupyterlab-offload" if name in contract.OFFLOAD_PACKAGES else "jupyterlab-base"
        assert locked[image][name].startswith(f"{begin}.")


def _locked(image: str) -> dict[str, str]:
    text = (ROOT / "images" / image / "requirements.txt").read_text()
    return dict(re.findall(r"^([a-z0-9-]+)==([^ ;\\]+)", text, re.MULTILINE))


def command_line(place: Path, *options: str) -> int:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return command.run(parser.parse_args([str(place), *options]))
