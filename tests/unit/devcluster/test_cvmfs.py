"""How unpacked images are named below /cvmfs."""

import subprocess
from pathlib import Path

from devcluster.images.cvmfs import link_script
from devcluster.images.reference import Image


def publish(folder: Path, images: list[Image]) -> None:
    for image in images:
        tree = folder / ".flat" / image.tree.name
        tree.mkdir(parents=True, exist_ok=True)
        (tree / "name").write_text(image.reference)
    subprocess.run(["sh", "-ec", link_script(str(folder), images)], check=True)


def image(name: str, tag: str, cache: Path) -> Image:
    return Image(name, tag, cache)


def test_an_image_is_found_by_its_short_name_and_by_its_reference(tmp_path: Path) -> None:
    hello = image("hello", "abc", tmp_path)
    publish(tmp_path, [hello])
    for name in ("hello:abc", hello.reference):
        assert (tmp_path / name / "name").read_text() == hello.reference


def test_an_image_is_found_by_a_name_that_a_registry_gave_it(tmp_path: Path) -> None:
    hello = image("hello", "abc", tmp_path)
    publish(tmp_path, [hello])
    script = link_script(str(tmp_path), [hello], {"registry.example.org/greetings/hello:1": hello})
    subprocess.run(["sh", "-ec", script], check=True)
    assert (tmp_path / "registry.example.org/greetings/hello:1" / "name").read_text() == hello.reference


def test_links_stay_inside_the_folder_wherever_it_is_mounted(tmp_path: Path) -> None:
    hello = image("hello", "abc", tmp_path)
    publish(tmp_path, [hello])
    assert not any((tmp_path / name).readlink().is_absolute() for name in ("hello:abc", hello.reference))


def test_publishing_again_replaces_what_was_there_and_leaves_the_trees_alone(tmp_path: Path) -> None:
    publish(tmp_path, [image("hello", "old", tmp_path), image("services", "one", tmp_path)])
    publish(tmp_path, [image("hello", "new", tmp_path), image("services", "one", tmp_path)])
    assert not (tmp_path / "hello:old").exists()
    assert (tmp_path / "hello:new" / "name").is_file()
    assert (tmp_path / "services:one" / "name").is_file()
    assert [file.name for file in (tmp_path / ".flat" / "hello-old").iterdir()] == ["name"]


def test_images_that_somebody_else_put_there_stay(tmp_path: Path) -> None:
    foreign = tmp_path / "tools:1"
    foreign.mkdir()
    (foreign / "bin").symlink_to("usr/bin")
    publish(tmp_path, [image("hello", "abc", tmp_path)])
    assert (foreign / "bin").is_symlink()
