"""References of images are parsed whole, or not at all."""

import pytest
from hub_config.settings import FreeImage
from hub_config.spawn.policy import objections
from hub_config.spawn.reference import Reference
from hypothesis import given
from hypothesis import strategies as st

DIGEST = "sha256:" + "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("python", ("docker.io", "library/python", "", "")),
        ("python:3.13", ("docker.io", "library/python", "3.13", "")),
        ("jupyter/base-notebook:x", ("docker.io", "jupyter/base-notebook", "x", "")),
        ("index.docker.io/jupyter/base", ("docker.io", "jupyter/base", "", "")),
        ("localhost/highrate/hub:1", ("localhost", "highrate/hub", "1", "")),
        ("registry:5000/a/b_c/d__e/f-g:v1.2-3", ("registry:5000", "a/b_c/d__e/f-g", "v1.2-3", "")),
        ("Registry.Example.org/a:B", ("registry.example.org", "a", "B", "")),
        ("registry.example.org:443/a:B", ("registry.example.org", "a", "B", "")),
        ("registry.example.org:00443/a:B", ("registry.example.org", "a", "B", "")),
        ("registry.example.org:05000/a:B", ("registry.example.org:5000", "a", "B", "")),
        ("INDEX.docker.io:443/python", ("docker.io", "library/python", "", "")),
        ("Docker.io/python", ("docker.io", "library/python", "", "")),
        ("registry:443/a", ("registry:443", "a", "", "")),
        ("Registry/a", ("registry:443", "a", "", "")),  # a capital letter makes it a host
        ("registry/a", ("docker.io", "registry/a", "", "")),
        ("LOCALHOST/a", ("localhost", "a", "", "")),
        ("[2001:DB8::1]:443/a", ("[2001:db8::1]", "a", "", "")),
        ("[2001:db8::1]/a", ("[2001:db8::1]", "a", "", "")),
        ("[2001:db8::1]:5000/a", ("[2001:db8::1]:5000", "a", "", "")),
        (f"ghcr.io/icsc/lab:1@{DIGEST}", ("ghcr.io", "icsc/lab", "1", DIGEST)),
        (f"ghcr.io/icsc/lab@{DIGEST}", ("ghcr.io", "icsc/lab", "", DIGEST)),
    ],
)
def test_references_mean_what_they_mean_to_a_container_runtime(text: str, parts: tuple[str, ...]) -> None:
    found = Reference.parse(text)
    assert (found.registry, found.repository, found.tag, found.digest) == parts


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "a b",
        "python:3.13\n",
        "\npython",
        "python:",
        "python@",
        "python:3:4",
        "Python",
        "a//b",
        "/a",
        "a/",
        "a..b",
        "-a",
        "ghcr.io/a:-x",
        f"a@{DIGEST[:-1]}",
        f"a@{DIGEST}0",
        "a@md5:0123",
        "https://ghcr.io/a",
        "ghcr.io:port/a",
        "ghcr.io:123456/a",
        "../etc/passwd",
        "a:t;rm -rf",
        "a\x00b",
        "café",
        "a:" + "t" * 129,
        "r.io/" + "a" * 256,
        "a" * 100_000,
        "a-" * 290,
    ],
)
def test_anything_else_is_no_reference(text: str) -> None:
    with pytest.raises(ValueError, match=r"no image reference|more than"):
        Reference.parse(text)


words = st.from_regex(r"\A[a-z0-9]{1,8}\Z")


@given(
    host=st.sampled_from(["ghcr.io", "localhost", "r.example.org:5000", "10.0.0.1"]),
    path=st.lists(words, min_size=1, max_size=4),
    tag=st.from_regex(r"\A([a-zA-Z0-9_][a-zA-Z0-9_.-]{0,20})?\Z"),
    digest=st.sampled_from(["", DIGEST]),
)
def test_what_is_put_together_comes_apart_again(host: str, path: list[str], tag: str, digest: str) -> None:
    repository = "/".join(path)
    text = f"{host}/{repository}" + (f":{tag}" if tag else "") + (f"@{digest}" if digest else "")
    found = Reference.parse(text)
    assert found == Reference(host, repository, tag, digest)
    assert str(found) == text
    assert Reference.parse(str(found)) == found


@given(st.text(alphabet="abA0.:/@-_ \n[]é\x00", max_size=60) | st.text(max_size=60))
def test_no_text_is_taken_in_part(text: str) -> None:
    try:
        found = Reference.parse(text)
    except ValueError:
        return
    assert not set(text) & set(" \n\t\x00;'\"")
    assert text.endswith(found.digest or found.tag or found.repository.rsplit("/", 1)[-1])
    assert Reference.parse(str(found)) == found


POLICY: dict[str, object] = {"enabled": True, "registries": ["registry.test", "ghcr.io/icsc"]}


@pytest.mark.parametrize(
    ("policy", "groups", "text", "words"),
    [
        (POLICY, (), "registry.test/a:1", None),
        (POLICY, (), "REGISTRY.test/a:1", None),
        (POLICY, (), "registry.test:443/a:1", None),
        ({**POLICY, "registries": ["Registry.test:443/a"]}, (), "registry.test/a/b:1", None),
        ({**POLICY, "registries": ["registry:443"]}, (), "Registry/b:1", None),
        (POLICY, (), f"registry.test/a@{DIGEST}", None),
        (POLICY, (), f"registry.test/a:latest@{DIGEST}", None),
        (POLICY, (), "ghcr.io/icsc/a:1", None),
        (POLICY, (), "ghcr.io/icsc2/a:1", "come from registry.test, ghcr.io/icsc only"),
        (POLICY, (), "registry.test.evil.org/a:1", "not from registry.test.evil.org"),
        (POLICY, (), "registry.test:5000/a:1", "not from registry.test:5000"),
        (POLICY, (), "evil/registry.test/a:1", "not from docker.io"),
        (POLICY, (), "registry.test/a", "another image tomorrow"),
        (POLICY, (), "registry.test/a:latest", "another image tomorrow"),
        ({**POLICY, "denyLatest": False}, (), "registry.test/a", None),
        ({"enabled": True}, (), "anywhere.org/a:1", None),
        ({"enabled": True, "registries": ["docker.io/library"]}, (), "python:3.13", None),
        ({"enabled": False}, (), "registry.test/a:1", "can't be started here"),
        ({**POLICY, "groups": ["developers"]}, ("/developers",), "registry.test/a:1", None),
        ({**POLICY, "groups": ["developers"]}, ("/users",), "registry.test/a:1", "Only members of developers"),
        (POLICY, (), "registry.test/a:1\n", "no image reference"),
    ],
)
def test_the_policy_for_images_of_ones_own(
    policy: dict[str, object], groups: tuple[str, ...], text: str, words: str | None
) -> None:
    found = objections(FreeImage.model_validate(policy), frozenset(groups), text)
    assert (words is None) == (not found), found
    assert words is None or words in " ".join(found)
