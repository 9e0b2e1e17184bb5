"""What may be asked of a server, by whom, and what is said to the rest. The REST API's ways around a form are all here."""

from typing import Any

import pytest
from hub_config.settings import parse as settings
from hub_config.spawn import options
from hub_config.spawn.options import NotPossible
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.hub_config.conftest import values

CATALOGUE = settings(values()).catalogue


def resolved(given: object, groups: tuple[str, ...] = ()) -> options.Session:
    return options.resolve(CATALOGUE, frozenset(groups), options.parse(given))


@pytest.mark.parametrize(
    ("given", "groups", "image", "cores", "memory"),
    [
        ({}, (), "registry.test/analysis:2", 2, 4),
        ({"image": "base"}, (), "registry.test/lab:1", 2, 4),
        ({"image": "base", "cores": 8, "memory": 16}, (), "registry.test/lab:1", 8, 16),
        ({"image": "secret"}, ("/icsc/detector",), "registry.test/det:3", 2, 4),
        ({"reference": "registry.test/mine:1", "cores": 1}, (), "registry.test/mine:1", 1, 4),
    ],
)
def test_what_can_be_had(given: object, groups: tuple[str, ...], image: str, cores: int, memory: int) -> None:
    session = resolved(given, groups)
    assert (session.image, session.cores, session.memory) == (image, cores, memory)


@pytest.mark.parametrize(
    "reference", ["registry.test/det:3", "registry.test/det:4", f"registry.test/det@sha256:{'0' * 64}"]
)
def test_an_image_for_others_is_not_to_be_had_by_its_reference_either(reference: str) -> None:
    with pytest.raises(NotPossible, match="can't be started by you"):
        resolved({"reference": reference})
    assert resolved({"reference": reference}, ("/icsc/detector",)).image == reference


@pytest.mark.parametrize("registry", ["Registry.test", "registry.test:443", "REGISTRY.TEST:0443"])
def test_nor_by_another_spelling_of_its_registry(registry: str) -> None:
    with pytest.raises(NotPossible, match="can't be started by you"):
        resolved({"reference": f"{registry}/det:3"})
    assert resolved({"reference": f"{registry}/mine:1"}).image == "registry.test/mine:1", (
        "under the name that was judged"
    )


def test_what_is_started_is_the_whole_reference_that_was_judged() -> None:
    given = values()
    everywhere = settings({**given, "catalogue": {**given["catalogue"], "freeImage": {"enabled": True}}}).catalogue
    session = options.resolve(everywhere, frozenset(), options.parse({"reference": "jovyan/base:1"}))
    assert session.image == "docker.io/jovyan/base:1"


def test_only_images_that_can_scale_out_say_so() -> None:
    assert resolved({}).offload
    assert not resolved({"image": "base"}).offload


def test_images_of_ones_own_may_scale_out_unless_the_catalogue_says_that_they_cannot() -> None:
    assert resolved({"reference": "registry.test/mine:1"}).offload
    assert resolved({"reference": "registry.test/analysis:2"}).offload
    assert not resolved({"reference": "registry.test/lab:1"}).offload
    assert not resolved({"reference": "REGISTRY.test/lab:1"}).offload


REFUSED: list[tuple[object, str]] = [
    # a value for an image without naming a profile: KubeSpawner applied it unchecked
    ({"image--unlisted-choice": "evil/x:1"}, "no option 'image--unlisted-choice'"),
    ({"profile": "a", "image": "base"}, "no option 'profile'"),
    ({"kubespawner_override": {"privileged": True}}, "no option"),
    ({"image": "nothing"}, "no image 'nothing' for you; there are: base, offload"),
    ({"image": "secret"}, "no image 'secret' for you"),
    ({"image": "base\n"}, "no image 'base\\n'"),
    ({"image": "registry.test/lab:1"}, "no image"),
    ({"image": ""}, "1 to 600"),
    ({"image": ["base"]}, "is a text"),
    ({"image": {"$ne": 1}}, "is a text"),
    ({"reference": "registry.test/x:1\n"}, "no image reference"),
    ({"reference": "evil.org/x:1"}, "not from evil.org"),
    ({"reference": "registry.test/x"}, "another image tomorrow"),
    ({"reference": "registry.test/x:1", "image": "base"}, "not both"),
    ({"reference": "x" * 601}, "1 to 600"),
    ({"cores": 3}, "3 cores can't be had; choose one of 1, 2, 4, 8"),
    ({"cores": 0}, "whole number"),
    ({"cores": -1}, "whole number"),
    ({"cores": 2.5}, "whole number"),
    ({"cores": "2"}, "whole number"),
    ({"cores": True}, "whole number"),
    ({"cores": 1e300}, "whole number"),
    ({"memory": 10**30}, "whole number"),
    ({"memory": 3}, "3 GB of memory can't be had"),
    ({"memory": "4G"}, "whole number"),
    ([], "JSON object"),
    (["not", "options"], "JSON object"),
    ("image=base", "JSON object"),
    (7, "JSON object"),
]


@pytest.mark.parametrize(("given", "words"), REFUSED)
def test_anything_else_is_refused_with_a_sentence(given: object, words: str) -> None:
    with pytest.raises(NotPossible) as refused:
        resolved(given)
    assert words in str(refused.value)


def test_every_reason_is_told_at_once() -> None:
    with pytest.raises(NotPossible) as refused:
        resolved({"image": "nothing", "cores": 3, "memory": 5})
    assert len(refused.value.sentences) == 3
    with pytest.raises(NotPossible) as refused:
        resolved({"a": 1, "b": 2, "cores": "x"})
    assert refused.value.sentences == (
        "There is no option 'a', 'b'; there are: image, reference, cores, memory.",
        "The option cores is a whole number.",
    )


def test_of_very_many_names_that_are_none_a_few_are_told() -> None:
    with pytest.raises(NotPossible) as refused:
        resolved({f"{number}{'x' * 1000}": None for number in range(10_000)})
    assert refused.value.sentences == (
        "There is no option "
        + ", ".join(f"'{number}{'x' * 39}'" for number in range(5))
        + " and 9995 more; there are: image, reference, cores, memory.",
    )


def test_somebody_for_whom_nothing_is_meant_is_told() -> None:
    only = settings(values(catalogue={"images": {"a": {"title": "A", "image": "r.test/a:1", "groups": ["/x"]}}}))
    with pytest.raises(NotPossible, match="No image of the catalogue is for a group of yours"):
        options.resolve(only.catalogue, frozenset(), options.parse({}))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["image", "reference", "cores", "memory", "x"]), inner, max_size=5)
        ),
        max_leaves=8,
    )
)
def test_no_json_starts_what_is_not_offered(given: object) -> None:
    try:
        session = resolved(given)
    except NotPossible as refused:
        assert refused.sentences
        return
    assert session.image in ("registry.test/lab:1", "registry.test/analysis:2")
    assert session.cores in (1, 2, 4, 8)
    assert session.memory in (2, 4, 8, 16)


@pytest.mark.parametrize(
    ("form", "chosen"),
    [
        ({}, {}),
        (
            {"_xsrf": ["x"], "image": ["base"], "cores": ["4"], "memory": ["8"]},
            {"image": "base", "cores": 4, "memory": 8},
        ),
        ({"image": [""], "reference": ["registry.test/a:1"]}, {"reference": "registry.test/a:1"}),
        ({"image": ["base"], "reference": [""]}, {"image": "base"}),
    ],
)
def test_the_form_sends_the_same_options(form: Any, chosen: object) -> None:
    assert options.from_form(form) == chosen


@pytest.mark.parametrize(
    "form",
    [
        {"cores": ["+4"]},
        {"cores": [" 4"]},
        {"cores": ["4_0"]},
        {"cores": ["4.0"]},
        {"cores": ["9" * 5000]},
        {"profile": ["x"]},
        {"image_file": [object()]},
        {"image": [object()]},
    ],
)
def test_a_form_that_is_not_ours_is_refused(form: Any) -> None:
    with pytest.raises(NotPossible):
        options.from_form(form)
