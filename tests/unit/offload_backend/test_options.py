"""What users may ask of a cluster, and what they are told if they can't have it."""

from typing import Any

import pytest
from offload_backend.app.options import OfferedOptions
from offload_backend.core.choice import NotPossible, resolve
from offload_backend.core.offer import limits_of, offer
from offload_backend.model.limits import GroupLimits, Limits
from offload_backend.model.settings import Settings
from offload_backend.model.values import GIB

from tests.unit.offload_backend.facts import FAR, LAB, settings

GROUPS = {"/heavy": {"worker_memory": 128, "gpus": 4, "cores": 2000}, "/light": {"worker_cores": 2}}


def configured() -> Settings:
    sites = {"local": {}, "far": FAR, "closed": {**FAR, "groups": ["/heavy"]}}
    return settings(sites=sites, group_limits=GROUPS)


def refusals(options: dict[str, Any], *groups: str) -> list[str]:
    with pytest.raises(NotPossible) as caught:
        resolve(offer(configured(), set(groups)), options)
    assert "\n" not in str(caught.value), "an HTTP reason is one line"
    return list(caught.value.sentences)


def test_nothing_chosen_is_the_platforms_choice() -> None:
    chosen = resolve(offer(configured(), set()), {})
    assert (chosen.image.reference, chosen.site, chosen.wall_seconds) == (LAB, "local", None)
    assert (chosen.worker_cores, chosen.worker_memory, chosen.gpus) == (2, 4 * GIB, 0)


def test_everything_chosen_is_had() -> None:
    asked = {
        "image": "lab",
        "worker_cores": 8,
        "worker_memory": 1.5,
        "site": "far",
        "gpus": 0,
        "environment": {"A": "1"},
        "wall_time": "24h",
    }
    chosen = resolve(offer(configured(), set()), asked)
    assert (chosen.worker_cores, chosen.worker_memory, chosen.site) == (8, int(1.5 * GIB), "far")
    assert (chosen.wall_seconds, chosen.environment) == (86_400, {"A": "1"})


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"cores": 3}, "There is no option 'cores'; there are: image, worker_cores,"),
        (dict.fromkeys("abcdefg"), "There is no option 'a', 'b', 'c', 'd', 'e' and 2 more; there are: image,"),
        ({"worker_cores": 9}, "worker_cores is 9; you may have 1 to 8."),
        ({"worker_cores": 0}, "worker_cores is 0; you may have 1 to 8."),
        ({"worker_cores": "2"}, "The option worker_cores is a whole number."),
        ({"worker_cores": True}, "The option worker_cores is a whole number."),
        ({"worker_memory": 33}, "worker_memory is 33 GiB; you may have 0.5 to 32."),
        ({"worker_memory": 0.1}, "worker_memory is 0.1 GiB; you may have 0.5 to 32."),
        ({"worker_memory": "4GB"}, "The option worker_memory is a number of GiB."),
        ({"worker_memory": float("nan")}, "worker_memory is nan GiB; you may have 0.5 to 32."),
        ({"gpus": 1}, "gpus is 1; you may have 0 to 0."),
        ({"site": "closed"}, "There is no site 'closed' for you; there are: local, far."),
        ({"site": ["far"]}, "There is no site \"['far']\" for you"),
        ({"site": "far", "wall_time": "25h"}, "wall_time is 25h; workers there may live 10m to 24h."),
        ({"site": "far", "wall_time": "1m"}, "wall_time is 1m; workers there may live 10m to 24h."),
        ({"site": "far", "wall_time": "long"}, 'wall_time: "long" is no duration'),
        ({"site": "far", "wall_time": 12}, "The option wall_time is a text, as in '12h'."),
        ({"wall_time": "12h"}, "Workers there live as long as their cluster; leave wall_time out."),
        ({"image": 5}, "The option image is a text"),
        ({"environment": ["A=1"]}, "The option environment holds names and values"),
        ({"environment": {"A B": "1"}}, "'A B' is no name of a variable"),
        ({"environment": {"A": 1}}, "The variable A is no text (environment)"),
        ({"environment": {"A": "x" * 5000}}, "more than 4096 characters"),
        ({"environment": {f"A{n}": "" for n in range(101)}}, "at most 100 can be given"),
        ({"environment": {f"A{n}": "x" * 4000 for n in range(9)}}, "more than 32768 characters together"),
    ],
)
def test_what_cant_be_had_is_refused_with_what_can(options: dict[str, Any], said: str) -> None:
    assert any(sentence.startswith(said) or said in sentence for sentence in refusals(options))


@pytest.mark.parametrize(
    "name",
    [
        "DASK_GATEWAY_API_TOKEN",
        "DASK_DISTRIBUTED__COMM__TLS__CA_FILE",
        "dask_distributed__comm__require_encryption",
        "DASK_HIGHRATE__RELAY__NETWORK",
        "JUPYTERHUB_API_TOKEN",
        "KUBERNETES_SERVICE_HOST",
        "BEARER_TOKEN",
        "X509_USER_PROXY",
        "HOME",
    ],
)
def test_the_platforms_variables_are_not_the_users(name: str) -> None:
    assert refusals({"environment": {name: "x"}}) == [
        f"The variable {name} belongs to the platform (environment): leave it out."
    ]


def test_every_problem_is_told_at_once() -> None:
    said = refusals({"image": "none", "worker_cores": 99, "worker_memory": 99, "site": "moon", "colour": "red"})
    assert len(said) == 5


def test_members_of_a_group_may_have_more_and_never_less() -> None:
    heavy = offer(configured(), {"heavy", "/light"})
    assert "closed" in heavy.sites
    chosen = resolve(heavy, {"worker_memory": 128, "gpus": 4, "worker_cores": 8, "site": "closed"})
    assert chosen.gpus == 4


def test_of_several_limits_the_largest_counts() -> None:
    everybody = Limits(workers=10, gpus=0)
    groups = {"/a": GroupLimits(workers=5, gpus=1), "b": GroupLimits(workers=50)}
    assert limits_of(everybody, groups, {"/a"}).workers == 10
    assert limits_of(everybody, groups, {"/a", "/b"}) == everybody.model_copy(update={"workers": 50, "gpus": 1})


def test_widgets_show_the_users_own_limits() -> None:
    made = OfferedOptions(configured(), offer(configured(), {"/heavy"}))
    shown = {field["field"]: field["spec"] for field in made.get_specification()}
    assert shown["worker_memory"]["max"] == 128
    assert shown["site"]["options"] == ["local", "far", "closed"]
    assert shown["gpus"] == {"type": "int", "min": 0, "max": 4}


def test_what_a_user_is_shown_of_the_options_makes_the_same_cluster_again() -> None:
    made = OfferedOptions(configured(), offer(configured(), set()))
    parsed = made.parse_options({"site": "far", "worker_cores": 4})
    assert made.parse_options(parsed) == parsed
    config = made.get_configuration(parsed, None)
    assert config["wall_seconds"] == 6 * 3600
    assert config["site_image"] == "/cvmfs/unpacked.test/lab:1"
    assert config["cluster_max_workers"] == 100, "400 cores in all"
