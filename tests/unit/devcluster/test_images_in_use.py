"""What may be removed from the cache of images that all checkouts share."""

import os
import time
from pathlib import Path

import pytest
from devcluster.images.in_use import KEEP_NEWEST, KEEP_SECONDS, forget_old, note_use
from devcluster.images.reference import Image
from devcluster.paths import Checkout

OLD = KEEP_SECONDS + 3600


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def made(cache: Path, tag: str, seconds_ago: float) -> Image:
    image = Image("hello", tag, cache)
    image.tree.mkdir(parents=True)
    image.archive.touch()
    then = time.time() - seconds_ago
    os.utime(image.archive, (then, then))
    return image


def running(root: Path) -> Checkout:
    checkout = Checkout(root)
    (checkout.machines / "node").mkdir(parents=True)
    return checkout


def kept(cache: Path) -> set[str]:
    forget_old(cache, "hello")
    tags = {place.stem.removeprefix("hello-") for place in (cache / "images").glob("hello-*.tar")}
    assert tags == {place.name.removeprefix("hello-") for place in (cache / "images").glob("hello-*") if place.is_dir()}
    return tags


def test_old_versions_go_but_the_newest(cache: Path) -> None:
    for number in range(KEEP_NEWEST + 2):
        made(cache, f"v{number}", OLD + number)
    assert kept(cache) == {f"v{number}" for number in range(KEEP_NEWEST)}


def test_what_was_made_long_ago_and_used_lately_stays(cache: Path, tmp_path: Path) -> None:
    images = [made(cache, f"v{number}", OLD + number) for number in range(KEEP_NEWEST + 2)]
    note_use(cache, Checkout(tmp_path / "other"), [images[-1]])
    assert kept(cache) == {"v0", "v1", "v4"}


def test_what_a_running_platform_uses_stays_however_old(cache: Path, tmp_path: Path) -> None:
    images = [made(cache, f"v{number}", OLD + number) for number in range(KEEP_NEWEST + 2)]
    note_use(cache, running(tmp_path / "running"), [images[-1]])
    note_use(cache, Checkout(tmp_path / "down"), [images[-2]])
    for image in images[-2:]:
        os.utime(image.archive, (1, 1))
    assert kept(cache) == {"v0", "v1", "v2", "v4"}


def test_a_checkout_uses_what_it_noted_last(cache: Path, tmp_path: Path) -> None:
    images = [made(cache, f"v{number}", OLD + number) for number in range(KEEP_NEWEST + 2)]
    checkout = running(tmp_path / "running")
    note_use(cache, checkout, [images[-1]])
    note_use(cache, checkout, [images[0]])
    os.utime(images[-1].archive, (1, 1))
    assert kept(cache) == {"v0", "v1", "v2"}
