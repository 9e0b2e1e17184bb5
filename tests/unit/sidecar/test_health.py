"""What the node hears about an absent schedd, and when."""

from pathlib import Path

import pytest
from condor_sidecar.app import health as health_module
from condor_sidecar.app.announcement import DOWN_SECONDS, DOWN_TAINT, announcement
from condor_sidecar.app.health import Health
from condor_sidecar.io.schedd import ScheddError
from condor_sidecar.model.calls import Failure, FailureKind
from condor_sidecar.settings import Resources

AWAY = ScheddError(Failure(FailureKind.UNREACHABLE, "SECMAN:2007:gone"))
REFUSED = ScheddError(Failure(FailureKind.REFUSED_LOGIN, "AUTHENTICATE:1003"))


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(health_module, "time", made)
    return made


def test_a_short_absence_is_waited_for_and_a_long_one_keeps_new_pods_away(clock: Clock) -> None:
    health = Health(None)
    health.succeeded()
    assert announcement(Resources(), health).taints == []
    health.failed(AWAY)
    clock.now += DOWN_SECONDS - 1
    assert announcement(Resources(), health).taints == []
    assert "gone" in announcement(Resources(), health).status
    clock.now += 2
    health.failed(AWAY)  # the absence is measured from its beginning
    taints = announcement(Resources(), health).taints
    assert taints is not None
    assert [(taint.key, taint.effect) for taint in taints] == [(DOWN_TAINT, "NoSchedule")]
    health.succeeded()
    assert announcement(Resources(), health).taints == []
    assert health.trouble is None


def test_resources_are_what_the_site_offers(clock: Clock) -> None:
    offered = Resources(cpu="64", memory="256Gi", pods="100", accelerators={"nvidia.com/gpu": "4"})
    resources = announcement(offered, Health(None)).resources
    assert resources is not None
    assert (resources.cpu, resources.memory, resources.pods) == ("64", "256Gi", "100")
    assert resources.accelerators is not None
    assert resources.accelerators[0].available == "4"


def test_a_refused_login_is_explained_by_our_own_token(clock: Clock, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("")
    health = Health(token)
    health.failed(REFUSED)
    assert health.trouble is not None
    assert "token file is empty" in health.trouble
    assert "AUTHENTICATE:1003" in health.trouble
