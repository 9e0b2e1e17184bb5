"""The suite's programs and the images of its pods: of which version, and from what."""

import re
from pathlib import Path

import pytest
from devcluster.conformance.programs import VersionsDiffer
from devcluster.golang import GoProgram
from devcluster.kubernetes import programs as cluster
from devcluster.paths import Checkout, find_checkout
from devcluster.platform import Platform

from devcluster.conformance import pod_images, programs

CHECKOUT = find_checkout(Path(__file__).parent)
FOLDER = CHECKOUT.root / "devcluster" / "conformance" / "images"


def test_the_suite_is_of_the_clusters_version_and_says_so() -> None:
    assert programs.suite(CHECKOUT).ldflags == cluster.kubernetes(CHECKOUT).ldflags


def test_a_suite_of_another_version_is_refused(tmp_path: Path) -> None:
    for name, version in (("kubernetes", "v1.34.4"), ("conformance", "v1.34.5")):
        folder = tmp_path / "devcluster" / "go" / name
        folder.mkdir(parents=True)
        (folder / "go.mod").write_text(f"module x\n\nrequire k8s.io/kubernetes {version}\n")
    with pytest.raises(VersionsDiffer, match=r"v1\.34\.5, kubernetes/go\.mod for v1\.34\.4"):
        programs.suite(Checkout(tmp_path))


def test_tests_that_become_a_program_are_part_of_its_key(tmp_path: Path) -> None:
    (tmp_path / "go.mod").write_text("module x\n")
    without = GoProgram("x", tmp_path, (".",), ("x",))
    assert GoProgram("x", tmp_path, (".",), ("x",), tests=("./x",)).key != without.key


def test_every_folder_is_an_image_and_every_image_has_its_folder() -> None:
    assert sorted(source.name for source in pod_images.SOURCES) == sorted(place.name for place in FOLDER.iterdir())


def test_an_image_is_made_anew_when_what_it_is_built_on_or_its_program_changes(tmp_path: Path) -> None:
    platform = Platform(CHECKOUT)
    one, two = (pod_images.recipes(platform, tmp_path / name) for name in ("conformance-1", "conformance-2"))
    changed = {name for name in one if one[name].image.tag != two[name].image.tag}
    assert changed == {
        source.name for source in pod_images.SOURCES if source.program in (programs.AGNHOST, "nonewprivs")
    }
    parents = {name: recipe.parent.image for name, recipe in one.items() if recipe.parent}
    assert parents == {"nonewprivs": one["busybox"].image, "nonroot": one["busybox"].image}


@pytest.mark.parametrize("source", pod_images.SOURCES, ids=lambda source: source.name)
def test_a_recipe_copies_the_program_that_it_is_given(source: pod_images.Source) -> None:
    copied = re.findall(
        r"^COPY (?:--chmod=\S+ )?(?!--from)(\S+) ", (FOLDER / source.name / "Containerfile").read_text(), re.M
    )
    assert copied == ([source.program] if source.program else [])
