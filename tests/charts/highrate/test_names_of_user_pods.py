"""Releases that share a namespace: KubeSpawner stops whatever pod has the name of the one that it makes."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.charts.highrate.hub import run
from tests.charts.highrate.test_refusals import MINIMAL
from tests.charts.rendering import Chart, Release, Values, merged

Spawners = Callable[..., Any]
# By the override of names: what a release's objects, and the pods of its users, are called after.
OVERRIDES = ["", "analysis", "jupyter", "jupyter--mario", None]
PEOPLE = [
    *(("mario", ""), ("mario", "second"), ("jupyter-mario", ""), ("jupyter", "mario"), ("jupyter", "jupyter-mario")),
    *(("4mario", "4"), ("mario@example.org", "a b"), ("m" * 63, "s" * 200)),
]


@pytest.fixture
def names(
    chart: Chart, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spawner: Spawners
) -> Callable[..., dict[tuple[str, str], str]]:
    """The names of people's pods in a release with these changes, by user and server."""

    def found(changes: Values, people: Iterable[tuple[str, str]] = PEOPLE) -> dict[tuple[str, str], str]:
        values = merged(MINIMAL, {"jupyterhub": changes})
        config = run(chart.render(values, Release("second")), tmp_path, monkeypatch).config
        return {(user, server): spawner(name=user, server=server, config=config).pod_name for user, server in people}

    return found


async def test_no_two_pods_of_releases_in_one_namespace_have_one_name(
    names: Callable[..., dict[tuple[str, str], str]],
) -> None:
    all_names = [name for override in OVERRIDES for name in names({"fullnameOverride": override}).values()]
    assert len(set(all_names)) == len(OVERRIDES) * len(PEOPLE)
    # Kubernetes takes 253; beyond 63 only the hostname in the pod is cut
    assert max(map(len, all_names)) <= 253


async def test_pods_of_a_release_without_a_prefix_have_kubespawner_s_names(
    names: Callable[..., dict[tuple[str, str], str]],
) -> None:
    assert list(names({}, [("mario", ""), ("mario", "second")]).values()) == ["jupyter-mario", "jupyter-mario--second"]


@pytest.mark.parametrize(
    "changes",
    [
        {"singleuser": {"podNameTemplate": "theirs-{user_server}"}},
        {"hub": {"config": {"KubeSpawner": {"pod_name_template": "theirs-{user_server}"}}}},
        {"hub": {"config": {"PlatformSpawner": {"pod_name_template": "theirs-{user_server}"}}}},
    ],
    ids=["singleuser", "KubeSpawner", "PlatformSpawner"],
)
async def test_an_administrator_s_template_stays(
    names: Callable[..., dict[tuple[str, str], str]], changes: Values
) -> None:
    assert names({"fullnameOverride": "analysis", **changes}, [("mario", "")]) == {("mario", ""): "theirs-mario"}


async def test_a_server_that_runs_through_an_upgrade_keeps_its_pod_and_the_next_has_the_new_name(
    chart: Chart, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spawner: Spawners
) -> None:
    before = spawner()
    objects = chart.render(merged(MINIMAL, {"jupyterhub": {"fullnameOverride": "analysis"}}))
    after = spawner(config=run(objects, tmp_path, monkeypatch).config)
    after.load_state(before.get_state())
    assert after.pod_name == before.pod_name == "jupyter-mario"
    after.clear_state()  # JupyterHub's before each start
    assert after.pod_name == "analysis----jupyter-mario"
