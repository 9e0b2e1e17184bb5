"""Which image a cluster gets: the same rules as for sessions, and only such as have Dask."""

import pytest
from hub_config import settings as hub
from hub_config.spawn import options as hub_options
from offload_backend.core.image_choice import ChosenImage, choose
from offload_backend.core.offer import offer

from tests.unit.offload_backend.facts import BARE, CATALOGUE, LAB, THEIRS, settings

UNPACKED = "/cvmfs/unpacked.test/lab:1"
FREE = {"enabled": True, "registries": ["registry.test/people"], "groups": ["/them"]}


def chosen(wanted: str, *groups: str, free: object = None) -> ChosenImage | str:
    catalogue = {**CATALOGUE, "freeImage": free or {}}
    problems: list[str] = []
    image = choose(offer(settings(catalogue=catalogue), set(groups)), wanted, problems)
    return image or " ".join(problems)


@pytest.mark.parametrize("wanted", ["", "lab", LAB, LAB.replace("registry.test", "Registry.test:443"), UNPACKED])
def test_an_image_of_the_catalogue_has_many_names_and_lies_unpacked_at_sites(wanted: str) -> None:
    assert chosen(wanted) == ChosenImage(LAB, UNPACKED)


@pytest.mark.parametrize(
    ("wanted", "groups", "said"),
    [
        ("bare", (), "The image 'bare' has no Dask. These have: lab."),
        ("theirs", (), "There is no image 'theirs' for you; there are: lab."),
        (THEIRS, (), f"There is no image '{THEIRS}' for you; there are: lab."),
        ("registry.test/people/mine:1", (), "There is no image 'registry.test/people/mine:1' for you; there are: lab."),
    ],
)
def test_others_are_refused_with_what_there_is(wanted: str, groups: tuple[str, ...], said: str) -> None:
    assert chosen(wanted, *groups) == said


def test_an_image_of_a_group_is_for_its_members() -> None:
    assert chosen("theirs", "/them") == ChosenImage(THEIRS, THEIRS)
    assert chosen(THEIRS, "them/") == ChosenImage(THEIRS, THEIRS), "groups are spelled in several ways"


@pytest.mark.parametrize(
    ("wanted", "groups", "said"),
    [
        ("registry.test/people/mine:1", (), "Only members of /them may use images of their own"),
        (
            "elsewhere.test/mine:1",
            ("/them",),
            "Images may come from registry.test/people only, not from elsewhere.test.",
        ),
        ("registry.test/people/mine", ("/them",), "can be another image tomorrow"),
        ("registry.test/people/mine:1\n", ("/them",), "is no image reference"),
    ],
)
def test_images_of_ones_own_follow_the_hubs_rules(wanted: str, groups: tuple[str, ...], said: str) -> None:
    assert said in str(chosen(wanted, *groups, free=FREE))


def test_an_image_of_ones_own_is_used_under_its_whole_name() -> None:
    assert chosen("jovyan/mine:1", free={"enabled": True}) == ChosenImage(
        "docker.io/jovyan/mine:1", "docker.io/jovyan/mine:1"
    )


@pytest.mark.parametrize(
    ("reference", "offload"),
    [
        ("registry.test/people/mine:1", True),
        ("Registry.test/people/mine:1", True),
        (LAB, True),
        (THEIRS, True),
        (BARE, False),
        (BARE.replace("registry", "Registry"), False),
    ],
)
def test_a_session_of_ones_own_image_gets_workers_of_it_or_is_told_of_no_gateway(reference: str, offload: bool) -> None:
    """The hub hands its session's image over as the one for clusters."""
    free = {"enabled": True, "groups": ["/them"]}
    catalogue = hub.Catalogue.model_validate({**CATALOGUE, "freeImage": free, "defaults": {"cores": 1}})
    session = hub_options.resolve(catalogue, frozenset({"/them"}), hub_options.parse({"reference": reference}))
    image = chosen(session.image, "/them", free=free)
    assert session.offload is offload
    if offload:
        assert isinstance(image, ChosenImage)
        assert image.reference == session.image
    else:
        assert "has no Dask" in str(image)


def test_an_image_that_is_hidden_is_not_to_be_had_as_ones_own_either() -> None:
    for registry in ("registry.test", "REGISTRY.test", "registry.test:443"):
        assert "can't be used by you" in str(chosen(f"{registry}/theirs:4", free={"enabled": True}))
