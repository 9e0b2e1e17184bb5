"""References of images are parsed whole, or not at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_reference import ImageReference

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
    found = ImageReference.parse(text)
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
        ImageReference.parse(text)


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
    found = ImageReference.parse(text)
    assert found == ImageReference(host, repository, tag, digest)
    assert str(found) == text
    assert ImageReference.parse(str(found)) == found


PIECES = st.sampled_from(
    ["registry.test", "localhost:5000", ":443", ":0443", "lab", "a/b", "/", ":", "1.2", "latest", "@sha256:", "A", ".."]
)


@given(
    st.text(alphabet="abA0.:/@-_ \n[]é\x00", max_size=60)
    | st.text(max_size=60)
    | st.lists(PIECES, max_size=6).map("".join)
)
def test_no_text_is_taken_in_part(text: str) -> None:
    try:
        found = ImageReference.parse(text)
    except ValueError:
        return
    assert not set(text) & set(" \n\t\x00;'\"")
    assert text.endswith(found.digest or found.tag or found.repository.rsplit("/", 1)[-1])
    assert ImageReference.parse(str(found)) == found


HOSTS = [
    "registry.test",
    "Registry.TEST",
    "registry.test:443",
    "localhost",
    "Host",
    "host:443",
    "host:5000",
    "index.docker.io",
    "docker.io",
    "DOCKER.io:0443",
    "[::1]",
    "[::1]:443",
    "a.b:00080",
]


@given(
    host=st.sampled_from(HOSTS),
    other=st.sampled_from(HOSTS),
    rest=st.sampled_from(["lab", "a/b", "a/b:1.2", "a:1"]),
)
def test_a_registry_is_the_same_one_by_whatever_spelling(host: str, other: str, rest: str) -> None:
    found = ImageReference.parse(f"{host}/{rest}")
    assert ImageReference.parse(str(found)) == found
    assert found.lies_in([host])
    assert found.lies_in([other]) == (ImageReference.parse(f"{other}/{rest}") == found)
