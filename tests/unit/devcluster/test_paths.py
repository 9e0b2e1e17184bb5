"""What tells checkouts apart, and where caches are."""

from pathlib import Path

import pytest
from devcluster.paths import Checkout, cache_root, content_key, find_checkout


def test_two_checkouts_have_different_ids_and_kernel_names() -> None:
    one, other = Checkout(Path("/srv/one")), Checkout(Path("/srv/other"))
    assert one.id != other.id
    assert one.kernel_name("hub") != other.kernel_name("hub")


@pytest.mark.parametrize("part", ["h0", "s0"])
def test_kernel_names_fit_an_interface(part: str) -> None:
    assert len(Checkout(Path("/a/very/long/path" * 9)).kernel_name(part)) <= 15


def test_the_checkout_is_found_from_a_folder_inside(tmp_path: Path) -> None:
    (tmp_path / "devcluster").mkdir()
    (tmp_path / "devcluster" / "pyproject.toml").touch()
    inside = tmp_path / "services" / "vk"
    inside.mkdir(parents=True)
    assert find_checkout(inside).root == tmp_path.resolve()


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"XDG_CACHE_HOME": "/big/disk", "HOME": "/home/me"}, "/big/disk/highrate"),
        ({"HOME": "/home/me"}, "/home/me/.cache/highrate"),
        ({"XDG_CACHE_HOME": "", "HOME": "/home/me"}, "/home/me/.cache/highrate"),
        ({"XDG_CACHE_HOME": "relative", "HOME": "/home/me"}, "/home/me/.cache/highrate"),
    ],
)
def test_the_cache_follows_the_xdg_rules(environ: dict[str, str], expected: str) -> None:
    assert cache_root(environ) == Path(expected)


def test_a_content_key_sees_boundaries_and_order() -> None:
    keys = {
        content_key("ab", "c"),
        content_key("a", "bc"),
        content_key("abc"),
        content_key("c", "ab"),
        content_key("ab", "c", ""),
    }
    assert len(keys) == 5
    assert content_key("ab", b"c") == content_key("ab", "c")
