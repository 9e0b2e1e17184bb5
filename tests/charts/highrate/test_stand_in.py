"""The development stand-in is closed: what Zero to JupyterHub doesn't know is refused, what it can't honour is told."""

from pathlib import Path

import pytest
from devcluster.charts import STAND_IN, assemble

from tests.charts.navigation import of_kind
from tests.charts.rendering import HIGHRATE, ROOT, Chart, Refused, Values, merged, read_values

MINIMAL = read_values(HIGHRATE / "ci" / "minimal-values.yaml")

UNKNOWN: list[Values] = [
    {"singelUser": {}},
    {"hub": {"extraconfig": {}}},
    {"hub": {"db": {"kind": "postgres"}}},
    {"proxy": {"chp": {"resource": {}}}},
    {"proxy": {"https": {"host": "hub.example.org"}}},
    {"singleuser": {"storage": {"size": "1Gi"}}},
    {"cull": {"after": 3600}},
    {"scheduling": {"userScheduler": {"replica": 2}}},
    {"hub": {"extraFiles": {"a": {"mountPath": "/a", "text": "x"}}}},
]
UNSUPPORTED: list[tuple[Values, str]] = [
    ({"scheduling": {"userScheduler": {"enabled": True}}}, "scheduling.userScheduler.enabled: false"),
    ({"scheduling": {"podPriority": {"enabled": True}}}, "scheduling.podPriority.enabled: false"),
    ({"prePuller": {"continuous": {"enabled": True}}}, "prePuller.continuous.enabled: false"),
    ({"imagePullSecret": {"create": True}}, "imagePullSecrets: ["),
    ({"proxy": {"https": {"type": "letsencrypt", "hosts": ["hub.example.org"]}}}, "proxy.https.type: secret"),
    (
        {"hub": {"extraFiles": {"a": {"mountPath": "/a", "data": {"a": 1}, "stringData": "x"}}}},
        "write one of data, stringData and binaryData",
    ),
]


@pytest.fixture(scope="module")
def stand_in(chart: Chart, tmp_path_factory: pytest.TempPathFactory) -> Chart:
    """The platform with the stand-in, whatever the environment chooses."""
    scratch: Path = tmp_path_factory.mktemp("charts")
    return Chart(chart.helm, assemble(HIGHRATE, scratch, {"jupyterhub": ROOT / STAND_IN}), chart.kept)


@pytest.mark.parametrize("changes", UNKNOWN, ids=str)
def test_an_unknown_key_stops_the_upgrade(stand_in: Chart, changes: Values) -> None:
    with pytest.raises(Refused, match=r"jupyterhub:(.|\n)*additional propert"):
        stand_in.render(merged(MINIMAL, {"jupyterhub": changes}))


@pytest.mark.parametrize(("changes", "sentence"), UNSUPPORTED, ids=[case[1] for case in UNSUPPORTED])
def test_what_it_lacks_is_told_instead_of_left_out(stand_in: Chart, changes: Values, sentence: str) -> None:
    with pytest.raises(Refused) as refusal:
        stand_in.render(merged(MINIMAL, {"jupyterhub": changes}))
    assert sentence in str(refusal.value)


def test_settings_of_parts_that_are_switched_off_are_taken(stand_in: Chart) -> None:
    """A values file of the real chart has them, and there they have no effect either."""
    unused = {
        "scheduling": {"userScheduler": {"replicas": 3, "image": {"tag": "v1.34.0"}}},
        "prePuller": {"extraImages": {"lab": {"name": "registry.example.org/lab", "tag": "1"}}},
    }
    changed = stand_in.render(merged(MINIMAL, {"jupyterhub": unused}))
    assert len(of_kind(changed, "Deployment")) == 3
