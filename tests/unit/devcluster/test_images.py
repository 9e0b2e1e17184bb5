"""An image's tag follows from what it is made of, and from nothing else."""

import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest
from devcluster.images import docker, scratch, unpacked
from devcluster.images.recipe import folder_key, recipes
from devcluster.images.reference import Image
from devcluster.paths import Checkout, find_checkout


def checkout_at(root: Path) -> Checkout:
    """A checkout with one plain image and the services image, and one service."""
    for name in ("hello", "services"):
        (root / "images" / name).mkdir(parents=True)
        (root / "images" / name / "Containerfile").write_text("FROM scratch\n")
    (root / "images" / "hello" / "hello").write_text("echo hello\n")
    service = root / "services" / "vk"
    (service / "src").mkdir(parents=True)
    (service / "pyproject.toml").write_text('[project]\nname = "vk"\ndependencies = []\n')
    (service / "src" / "vk.py").write_text("print()\n")
    (root / "libs").mkdir()
    (root / "requirements.lock").write_text("")
    return Checkout(root)


def tags(checkout: Checkout) -> dict[str, str]:
    return {name: recipe.image.tag for name, recipe in recipes(checkout, Path("/cache")).items()}


def test_every_folder_with_a_containerfile_is_an_image(tmp_path: Path) -> None:
    checkout = checkout_at(tmp_path)
    (tmp_path / "images" / "notes").mkdir()
    assert set(tags(checkout)) == {"hello", "services"}


def test_equal_inputs_in_another_checkout_give_equal_tags(tmp_path: Path) -> None:
    assert tags(checkout_at(tmp_path / "one")) == tags(checkout_at(tmp_path / "other"))


def test_a_changed_file_changes_its_image_only(tmp_path: Path) -> None:
    checkout = checkout_at(tmp_path)
    before = tags(checkout)
    (tmp_path / "images" / "hello" / "hello").write_text("echo goodbye\n")
    after = tags(checkout)
    assert after["hello"] != before["hello"]
    assert after["services"] == before["services"]


def test_a_services_source_and_the_lock_change_the_services_image(tmp_path: Path) -> None:
    checkout = checkout_at(tmp_path)
    seen = {tags(checkout)["services"]}
    (tmp_path / "services" / "vk" / "src" / "vk.py").write_text("print(1)\n")
    seen.add(tags(checkout)["services"])
    (tmp_path / "requirements.lock").write_text("attrs==1.0 --hash=sha256:00\n")
    seen.add(tags(checkout)["services"])
    assert len(seen) == 3


def build_on(root: Path, name: str, base: str) -> None:
    (root / "images" / name).mkdir()
    (root / "images" / name / "Containerfile").write_text(f"ARG BASE=localhost/highrate/{base}:local\nFROM ${{BASE}}\n")


def test_an_image_that_is_built_on_another_changes_with_it(tmp_path: Path) -> None:
    checkout = checkout_at(tmp_path)
    build_on(tmp_path, "child", "hello")
    build_on(tmp_path, "grandchild", "child")
    before = recipes(checkout, Path("/cache"))
    parents = {name: recipe.parent and recipe.parent.image for name, recipe in before.items()}
    assert parents == {
        "hello": None, "services": None, "child": before["hello"].image, "grandchild": before["child"].image
    }  # fmt: skip
    (tmp_path / "images" / "hello" / "hello").write_text("echo goodbye\n")
    after = tags(checkout)
    changed = {name for name, recipe in before.items() if after[name] != recipe.image.tag}
    assert changed == {"hello", "child", "grandchild"}


def test_a_base_that_nothing_runs_is_only_built_for_others(tmp_path: Path) -> None:
    checkout = checkout_at(tmp_path)
    (tmp_path / "images" / "hello").rename(tmp_path / "images" / "jupyterlab-base")
    build_on(tmp_path, "child", "jupyterlab-base")
    found = recipes(checkout, Path("/cache"))
    assert set(found) == {"child", "services"}
    assert found["child"].parent is not None


@pytest.mark.parametrize(
    ("image", "package"),
    [
        ("hub", "hub-config"),
        ("hub", "libs/image-reference"),
        ("jupyterlab", "client"),
        ("jupyterlab-offload", "client"),
    ],
)
def test_an_image_with_one_of_our_packages_changes_with_its_source_and_not_with_others(
    tmp_path: Path, image: str, package: str
) -> None:
    checkout = checkout_at(tmp_path)
    build_on(tmp_path, image, "hello")
    (tmp_path / package).mkdir(parents=True)
    seen = [tags(checkout)]
    (tmp_path / package / "code.py").write_text("print(1)\n")
    seen.append(tags(checkout))
    (tmp_path / "services" / "vk" / "src" / "vk.py").write_text("print(1)\n")
    seen.append(tags(checkout))
    assert seen[0][image] != seen[1][image] == seen[2][image]
    assert seen[0]["services"] == seen[1]["services"] != seen[2]["services"]


def test_only_images_of_which_jobs_are_made_are_unpacked_for_sites() -> None:
    at_sites = {name for name, recipe in recipes(find_checkout(), Path("/cache")).items() if recipe.runs_at_sites}
    assert at_sites >= {"hello", "services", "jupyterlab-offload"}
    assert not at_sites & {"hub", "proxy", "jupyterlab-base", "jupyterlab"}


def test_docker_is_told_what_an_image_is_built_on() -> None:
    child, parent = (Image(name, "1", Path("/cache")) for name in ("child", "parent"))
    assert "--build-arg=BASE=localhost/highrate/parent:1" in docker.build_command(child, Path("/context"), parent)


def test_what_python_leaves_behind_changes_nothing(tmp_path: Path) -> None:
    checkout = checkout_at(tmp_path)
    before = tags(checkout)
    cached = tmp_path / "services" / "vk" / "src" / "__pycache__"
    cached.mkdir()
    (cached / "vk.pyc").write_bytes(b"x")
    assert tags(checkout) == before


def test_moving_text_between_files_and_the_execute_bit_count(tmp_path: Path) -> None:
    for name, texts in (("one", ("ab", "c")), ("other", ("a", "bc"))):
        (tmp_path / name).mkdir()
        for file, text in zip("xy", texts, strict=True):
            (tmp_path / name / file).write_text(text)
    before = folder_key(tmp_path / "one")
    assert before != folder_key(tmp_path / "other")
    (tmp_path / "one" / "x").chmod(0o755)
    assert folder_key(tmp_path / "one") != before


def test_a_scratch_image_is_an_archive_that_runs_its_program() -> None:
    data = scratch.archive("localhost/highrate/pause:1", "pause", b"program")
    with tarfile.open(fileobj=io.BytesIO(data)) as outer:
        files = {member.name: read(outer, member) for member in outer.getmembers()}
    (manifest,) = json.loads(files["manifest.json"])
    assert manifest["RepoTags"] == ["localhost/highrate/pause:1"]
    configuration = json.loads(files[manifest["Config"]])
    assert configuration["config"]["Entrypoint"] == ["/pause"]
    with tarfile.open(fileobj=io.BytesIO(files[manifest["Layers"][0]])) as layer:
        (program,) = layer.getmembers()
        assert (program.name, program.mode) == ("pause", 0o755)
        assert read(layer, program) == b"program"


def test_names_of_one_image_in_its_places() -> None:
    image = Image("hello", "abc", Path("/cache"))
    assert image.reference == "localhost/highrate/hello:abc"
    assert image.unpacked == "/cvmfs/unpacked.highrate.test/hello:abc"
    assert docker.build_command(image, Path("/c/hello"))[-2:] == ["--tag=localhost/highrate/hello:abc", "/c/hello"]
    assert docker.save_command(image, Path("/c/x.tar"))[2:] == ["--output=/c/x.tar", "localhost/highrate/hello:abc"]


def read(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    source = archive.extractfile(member)
    assert source is not None
    return source.read()


def test_an_empty_image_keeps_the_configuration_and_drops_the_layers() -> None:
    original = {
        "config": {"Entrypoint": ["/hello"], "WorkingDir": "/srv", "Env": ["A=b"]},
        "history": [{"created_by": "one"}, {"created_by": "two"}],
        "rootfs": {"type": "layers", "diff_ids": ["sha256:1", "sha256:2"]},
    }
    with tarfile.open(fileobj=io.BytesIO(unpacked.empty_image(original))) as source:
        files = {member.name: read(source, member) for member in source.getmembers()}
    configuration = json.loads(files["config.json"])
    assert configuration["config"] == original["config"]
    assert "history" not in configuration
    (diff_id,) = configuration["rootfs"]["diff_ids"]
    assert diff_id == f"sha256:{hashlib.sha256(files['layer.tar']).hexdigest()}"


def test_the_configuration_is_read_out_of_an_archive(tmp_path: Path) -> None:
    (tmp_path / "image.tar").write_bytes(scratch.archive("localhost/highrate/pause:1", "pause", b"program"))
    assert unpacked.read_configuration(tmp_path / "image.tar")["config"]["Entrypoint"] == ["/pause"]
