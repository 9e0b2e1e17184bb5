"""A home is somebody's, not a name's: claims outlive the hub's users."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hub_config.spawn.homes import ANNOTATION, NEXT, Whose, mark, whose
from hub_config.spawn.refusal import Refusal
from kubernetes_asyncio.client.rest import ApiException

from tests.schemas import validate
from tests.unit.hub_config.cluster import Cluster, joined, sent

Make = Callable[..., Any]

ISSUER = "https://iam.test/"
MARIO, ANOTHER = mark(ISSUER, "subject of mario"), mark(ISSUER, "another person")
THEN = datetime(2026, 1, 1, tzinfo=UTC)
# as JupyterHub's database has it
KNOWN = datetime(2025, 12, 1)


def claim(made: datetime = THEN, written: str | None = None) -> dict[str, Any]:
    annotations = {} if written is None else {"annotations": {ANNOTATION: written, "hub.jupyter.org/username": "mario"}}
    return {"metadata": {"name": "claim-mario", "creationTimestamp": made.isoformat(), **annotations}}


@pytest.mark.parametrize(
    ("it", "person", "known_since", "expected"),
    [
        (claim(written=MARIO), MARIO, KNOWN, Whose.THEIRS),
        (claim(written=MARIO), ANOTHER, KNOWN, Whose.OTHERS),
        # deleted from the hub and back: the hub knows them for a short time, the home is theirs
        (claim(written=MARIO), MARIO, datetime(2026, 6, 1), Whose.THEIRS),
        (claim(written=NEXT), ANOTHER, KNOWN, Whose.TO_TAKE),
        (claim(written=""), MARIO, KNOWN, Whose.OTHERS),
        # made before claims were marked
        (claim(), MARIO, KNOWN, Whose.TO_TAKE),
        (claim(), MARIO, datetime(2026, 1, 1, 0, 5), Whose.TO_TAKE),
        (claim(), MARIO, datetime(2026, 1, 2), Whose.OTHERS),
        (claim(), MARIO, datetime(2026, 1, 2, tzinfo=UTC), Whose.OTHERS),
        (claim(), MARIO, None, Whose.TO_TAKE),
        # logins without subjects
        (claim(), None, datetime(2026, 1, 2), Whose.TO_TAKE),
        (claim(written=MARIO), None, KNOWN, Whose.OTHERS),
        (claim(written=NEXT), None, KNOWN, Whose.OTHERS),
    ],
)
def test_whose_a_claim_is(
    it: dict[str, Any], person: str | None, known_since: datetime | None, expected: Whose
) -> None:
    assert whose(it, person, known_since) is expected


def test_a_mark_is_of_provider_and_subject_and_shows_neither() -> None:
    assert mark("https://iam.test", "1") == mark("https://iam.test/", "1"), "the same provider, written otherwise"
    different = {mark("https://iam.test", "1"), mark("https://iam.test", "2"), mark("https://other.test", "1")}
    assert len(different | {mark("https://iam.tes", "t1"), NEXT}) == 5
    assert "subject" not in MARIO and len(MARIO) == 64


def person(spawner: Make, subject: str | None = "subject of mario", known_since: datetime | None = KNOWN) -> Any:
    """A spawner of somebody who has the name mario."""
    one = spawner()
    one.authenticator = SimpleNamespace(issuer=ISSUER)
    one.user.state, one.user.created = {"subject": subject}, known_since
    one.log.propagate = True
    return one


async def test_a_claim_is_made_with_the_mark_and_opens_for_its_person_alone(
    spawner: Make, caplog: pytest.LogCaptureFixture
) -> None:
    mine = person(spawner)
    cluster = joined(mine)
    await sent(mine)
    made = cluster.api_client.sanitize_for_serialization(cluster.claims["claim-mario"])
    validate(made)
    assert made["metadata"]["annotations"][ANNOTATION] == MARIO
    assert made["metadata"]["annotations"]["hub.jupyter.org/username"] == "mario", "KubeSpawner's own stay"
    await sent(mine)
    assert len(cluster.pods) == 2
    other = person(spawner, "another person", datetime.now(UTC))
    joined(other).claims = cluster.claims
    with pytest.raises(Refusal, match="was made for another account") as refused:
        await other._start()
    assert refused.value.status_code == 403
    assert f"annotate the claim claim-mario with {ANNOTATION}={NEXT}" in refused.value.jupyterhub_message
    assert other.api.pods == []
    assert cluster.annotations("claim-mario")[ANNOTATION] == MARIO
    assert f"kubectl -n {other.namespace} annotate --overwrite pvc claim-mario {ANNOTATION}={NEXT}" in caplog.text


async def test_an_administrator_hands_a_home_over(spawner: Make) -> None:
    other = person(spawner, "another person", datetime.now(UTC))
    joined(other).has_claim("claim-mario", THEN, **{ANNOTATION: NEXT})
    await sent(other)
    assert other.api.annotations("claim-mario")[ANNOTATION] == ANOTHER


async def test_a_claim_of_before_is_marked_for_whom_the_hub_knew_then(spawner: Make) -> None:
    mine = person(spawner)
    joined(mine).has_claim("claim-mario", THEN, theirs="1")
    await sent(mine)
    assert mine.api.annotations("claim-mario") == {"theirs": "1", ANNOTATION: MARIO}
    late = person(spawner, known_since=THEN + timedelta(days=1))
    joined(late).has_claim("claim-mario", THEN)
    with pytest.raises(Refusal, match="another account"):
        await late._start()
    assert late.api.annotations("claim-mario") == {}


async def test_without_the_right_a_claim_of_before_stays_as_it_is(
    spawner: Make, caplog: pytest.LogCaptureFixture
) -> None:
    mine = person(spawner)
    cluster = joined(mine)
    cluster.has_claim("claim-mario", THEN)
    cluster.may_patch = False
    await sent(mine)
    assert cluster.annotations("claim-mario") == {}
    assert "may not patch persistentvolumeclaims" in caplog.text


async def test_logins_without_subjects_have_homes_without_marks(spawner: Make) -> None:
    plain = person(spawner, subject=None)
    cluster = joined(plain)
    await sent(plain)
    assert ANNOTATION not in cluster.annotations("claim-mario")
    cluster.has_claim("claim-mario", THEN, **{ANNOTATION: MARIO})
    with pytest.raises(Refusal, match="log out and in again"):
        await plain._start()


async def test_a_home_that_an_administrator_deleted_is_made_anew(spawner: Make) -> None:
    """KubeSpawner remembers that there was one."""
    mine = person(spawner)
    cluster = joined(mine)
    await sent(mine)
    mine.load_state(mine.get_state())
    del cluster.claims["claim-mario"]
    await sent(mine)
    assert cluster.annotations("claim-mario")[ANNOTATION] == MARIO


@pytest.mark.parametrize("written", [MARIO, ANOTHER, NEXT])
async def test_a_home_that_is_being_deleted_is_nobody_s(spawner: Make, written: str) -> None:
    """A pod that names it would wait for ever, and keep it from going."""
    mine = person(spawner)
    cluster = joined(mine)
    cluster.has_claim("claim-mario", THEN, **{ANNOTATION: written})
    cluster.claims["claim-mario"].metadata.deletion_timestamp = THEN
    with pytest.raises(Refusal, match='home of "mario" is being deleted') as refused:
        await mine._start()
    assert refused.value.status_code == 503
    assert (cluster.pods, cluster.annotations("claim-mario")) == ([], {ANNOTATION: written})
    del cluster.claims["claim-mario"]
    assert await sent(mine)
    assert cluster.annotations("claim-mario")[ANNOTATION] == MARIO


class Slow(Cluster):
    asked = 0

    async def read_namespaced_persistent_volume_claim(self, name: str, namespace: str) -> Any:
        self.asked += 1
        if self.asked == 1:
            await asyncio.sleep(3600)
        return await super().read_namespaced_persistent_volume_claim(name, namespace)


async def test_an_answer_that_does_not_come_is_asked_for_again(spawner: Make) -> None:
    mine = person(spawner)
    mine.k8s_api_request_timeout = 1
    joined(mine)
    mine.api = Slow(mine.api.api_client)
    assert await sent(mine)
    assert mine.api.asked == 2


async def test_a_claim_that_cannot_be_read_or_marked_for_another_reason_ends_the_start(spawner: Make) -> None:
    mine = person(spawner)
    joined(mine).has_claim("claim-mario", THEN)

    async def broken(*_: Any) -> None:
        raise ApiException(status=500)

    mine.api.patch_namespaced_persistent_volume_claim = broken
    with pytest.raises(ApiException):
        await mine._start()
    mine.api.read_namespaced_persistent_volume_claim = broken
    with pytest.raises(ApiException):
        await mine._start()
    assert mine.api.pods == []
