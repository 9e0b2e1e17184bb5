"""Image names become places to look at, in order, and what to pull if it isn't there."""

import pytest
from condor_sidecar.core.policy import ImagePolicy, Policy

from tests.unit.sidecar.compile.pods import compiled, container, first, pod, reasons

ROOT = "/cvmfs/unpacked.example.org"
DIGEST = "sha256:" + "0123456789abcdef" * 4
LONG_DIGEST = "sha512:" + "0123456789abcdef" * 8
POLICY = Policy(images=ImagePolicy(unpacked_roots=(ROOT,)))


@pytest.mark.parametrize(
    ("name", "candidates", "pull"),
    [
        (
            "python",
            [
                "python:latest",
                "docker.io/library/python:latest",
                "registry.hub.docker.com/library/python:latest",
                "library/python:latest",
            ],
            "docker://docker.io/library/python:latest",
        ),
        (
            "highrate/hello:1.0",
            ["highrate/hello:1.0", "docker.io/highrate/hello:1.0", "registry.hub.docker.com/highrate/hello:1.0"],
            "docker://docker.io/highrate/hello:1.0",
        ),
        (
            "docker.io/library/python:3",
            ["docker.io/library/python:3", "library/python:3", "registry.hub.docker.com/library/python:3"],
            "docker://docker.io/library/python:3",
        ),
        (
            "registry.k8s.io/e2e/agnhost:2.56",
            ["registry.k8s.io/e2e/agnhost:2.56"],
            "docker://registry.k8s.io/e2e/agnhost:2.56",
        ),
        ("localhost:5000/a/b", ["localhost:5000/a/b:latest"], "docker://localhost:5000/a/b:latest"),
        ("localhost/highrate/hello:abc", ["localhost/highrate/hello:abc"], "docker://localhost/highrate/hello:abc"),
        ("quay.io/x/y:tag@" + DIGEST, ["quay.io/x/y@" + DIGEST], "docker://quay.io/x/y@" + DIGEST),
        ("quay.io/x/y@" + LONG_DIGEST, ["quay.io/x/y@" + LONG_DIGEST], "docker://quay.io/x/y@" + LONG_DIGEST),
        ("[fd00::1]:5000/x/y:1", ["[fd00::1]:5000/x/y:1"], "docker://[fd00::1]:5000/x/y:1"),
        ("docker://quay.io/x/y:1", ["quay.io/x/y:1"], "docker://quay.io/x/y:1"),
        ("oras://quay.io/x/y:1", [], "oras://quay.io/x/y:1"),
    ],
)
def test_a_name_is_looked_for_in_every_layout_and_pulled_otherwise(name: str, candidates: list[str], pull: str) -> None:
    image = first(compiled(pod(container(image=name)), POLICY)).image
    assert image.name == name
    assert image.candidates == [f"{ROOT}/{each}" for each in candidates]
    assert image.pull == pull


def test_all_roots_are_searched_before_anything_is_pulled() -> None:
    policy = Policy(images=ImagePolicy(unpacked_roots=("/cvmfs/one/", "/cvmfs/two")))
    image = first(compiled(pod(container(image="quay.io/x/y:1")), policy)).image
    assert image.candidates == ["/cvmfs/one/quay.io/x/y:1", "/cvmfs/two/quay.io/x/y:1"]


def test_a_path_is_taken_as_it_is() -> None:
    image = first(compiled(pod(container(image="/cvmfs/unpacked.cern.ch/x/y:z/")), POLICY)).image
    assert (image.candidates, image.pull) == (["/cvmfs/unpacked.cern.ch/x/y:z"], "")


def test_nothing_is_pulled_where_the_site_does_not_want_it() -> None:
    policy = Policy(images=ImagePolicy(unpacked_roots=(ROOT,), docker_fallback=False))
    assert first(compiled(pod(container(image="python:3")), policy)).image.pull == ""


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "a container needs an image: name one"),
        ("Bad Image", 'image "Bad Image" is neither an image name nor an absolute path: correct it'),
        ("a/../b:1", 'image "a/../b:1" is neither an image name nor an absolute path: correct it'),
        ("-x", 'image "-x" is neither an image name nor an absolute path: correct it'),
        ("x:1\n--bind=/", 'image "x:1\n--bind=/" is neither an image name nor an absolute path: correct it'),
        ("http://x/y", 'image "http://x/y" is neither an image name nor an absolute path: correct it'),
        ("oras://X Y", 'image "oras://X Y" is not an image name: correct it'),
        ("/etc", 'image "/etc" lies outside of what this site offers as unpacked images: use a path in /cvmfs'),
        (
            "/cvmfs/../etc",
            'image "/cvmfs/../etc" lies outside of what this site offers as unpacked images: use a path in /cvmfs',
        ),
        (
            "/cvmfsx/y",
            'image "/cvmfsx/y" lies outside of what this site offers as unpacked images: use a path in /cvmfs',
        ),
    ],
)
def test_what_is_no_image_here_is_rejected(name: str, reason: str) -> None:
    assert reasons(pod(container(image=name)), POLICY) == (f"{reason} (containers[0].image)",)


def test_a_site_without_any_images_says_so() -> None:
    policy = Policy(images=ImagePolicy(unpacked_roots=(), docker_fallback=False))
    assert "this site has no unpacked images and pulls none" in reasons(pod(container(image="x:1")), policy)[0]
    assert "would have to be pulled" in reasons(pod(container(image="oras://x.org/y:1")), policy)[0]
