"""The file always holds the best token there is, whatever the issuer does; refresh tokens are never lost."""

import asyncio
import io
import json
import logging
import os
import stat
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import structlog
from prometheus_client import REGISTRY
from service_runtime.grants import claims_of
from service_runtime.logs import configure_logs
from token_refresher.io.refresher import Refresher
from token_refresher.model.settings import Token

from tests.fakes.certificates import Authority
from tests.fakes.issuer import FakeIssuer, Mode, TokenRequest, running


@dataclass
class Desk:
    """An issuer and the files of one token."""

    issuer: FakeIssuer
    folder: Path
    clock: list[float] = field(default_factory=list)

    @property
    def file(self) -> Path:
        return self.folder / "run" / "token"

    def refresher(self, **changes: Any) -> Refresher:
        (self.folder / "secret").write_text("s3cret-of-the-client\n")
        settings: dict[str, Any] = {
            "name": "edge",
            "file": self.file,
            "issuer": self.issuer.url,
            "client_id": "vk",
            "client_secret_file": self.folder / "secret",
            "audience": "edge",
            "scope": "wlcg.groups",
        }
        now = (lambda: self.clock[0]) if self.clock else time.time
        return Refresher(Token.model_validate({**settings, **changes}), now)

    def by_refresh_token(self, **changes: Any) -> Refresher:
        first = self.folder / "first"
        if not first.exists():
            first.write_text("refresh-1\n")
        return self.refresher(
            grant="refresh_token", refresh_token_file=first, refresh_token_store=self.folder / "store", **changes
        )


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with running(FakeIssuer()) as issuer:
        yield Desk(issuer, tmp_path)


@pytest.fixture
def log_text() -> Iterator[Callable[[], str]]:
    """What a refresher in production would have logged so far."""
    root = logging.getLogger()
    before, level, stream = root.handlers[:], root.level, io.StringIO()
    configure_logs("token-refresher", "debug")
    ours = next(handler for handler in root.handlers if handler not in before)
    assert isinstance(ours, logging.StreamHandler)
    ours.setStream(stream)
    yield stream.getvalue
    root.removeHandler(ours)
    root.setLevel(level)
    structlog.reset_defaults()


async def test_the_bare_token_is_written_for_its_owner_alone(desk: Desk) -> None:
    refresher = desk.refresher()
    assert refresher.unready() is not None
    wait = await refresher.refresh()
    text = desk.file.read_text()
    claims = claims_of(text)
    assert claims is not None
    assert (claims["aud"], claims["scope"]) == ("edge", "wlcg.groups")
    assert text == text.strip()
    assert stat.S_IMODE(desk.file.stat().st_mode) == 0o600
    assert refresher.unready() is None
    assert 600 * 0.6 * 0.9 - 2 < wait <= 600 * 0.6
    assert REGISTRY.get_sample_value("token_refresher_expires_timestamp_seconds", {"name": "edge"}) == claims["exp"]


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files to other groups")
async def test_mode_and_group_are_as_configured(desk: Desk) -> None:
    await desk.refresher(mode="0640", group=12345).refresh()
    status = desk.file.stat()
    assert (stat.S_IMODE(status.st_mode), status.st_gid) == (0o640, 12345)


async def test_a_reader_never_sees_a_part_of_a_token(desk: Desk) -> None:
    refresher = desk.refresher()
    await refresher.refresh()
    done = asyncio.Event()

    async def read() -> int:
        seen = set()
        while not done.is_set():
            text = desk.file.read_text()
            assert claims_of(text) is not None
            seen.add(text)
            await asyncio.sleep(0)
        return len(seen)

    reader = asyncio.create_task(read())
    for _ in range(20):
        await refresher.refresh()
    done.set()
    assert await reader > 5
    assert [path.name for path in desk.file.parent.iterdir()] == ["token"], "nothing is left over"


@pytest.mark.parametrize("mode", ["fail", "hang", "garbage", "empty", "huge", "redirect"])
@pytest.mark.parametrize("where", ["mode", "token_mode"])
async def test_the_old_token_stays_while_the_issuer_is_out_of_order(desk: Desk, where: str, mode: Mode) -> None:
    refresher = desk.refresher(deadline=1 if mode == "hang" else 30, retry={"initial": 1, "maximum": 8})
    await refresher.refresh()
    before = desk.file.read_text()
    setattr(desk.issuer, where, mode)
    waits = [await refresher.refresh() for _ in range(2)]
    assert 0.8 <= waits[0] <= 1.2
    assert 1.6 <= waits[1] <= 2.4
    assert desk.file.read_text() == before
    assert refresher.unready() is None
    assert desk.issuer.fetches["elsewhere"] == 0, "a redirect would carry the client's secret elsewhere"
    setattr(desk.issuer, where, "ok")
    assert await refresher.refresh() > 100
    assert desk.file.read_text() != before


async def test_a_token_that_will_not_do_does_not_replace_one_that_does(desk: Desk) -> None:
    refresher = desk.refresher()
    await refresher.refresh()
    before = desk.file.read_text()
    desk.issuer.reply = lambda asked: (200, desk.issuer.grant(asked, aud="somebody-else"))
    await refresher.refresh()
    assert desk.file.read_text() == before


async def test_readiness_ends_with_the_token_and_says_why_there_is_no_new_one(desk: Desk) -> None:
    desk.clock.append(time.time())
    refresher = desk.refresher()
    await refresher.refresh()
    desk.issuer.reply = lambda _asked: (400, {"error": "invalid_client", "error_description": "unknown client"})
    await refresher.refresh()
    assert refresher.unready() is None
    desk.clock[0] += 601
    reason = refresher.unready()
    assert reason is not None
    assert "unknown client" in reason
    assert "edge" in reason


async def test_a_restart_in_an_outage_counts_what_is_in_the_file(desk: Desk) -> None:
    await desk.refresher().refresh()
    desk.issuer.token_mode = "fail"
    asked = len(desk.issuer.token_requests)
    successor = desk.refresher()
    running_successor = asyncio.create_task(successor.run())
    async with asyncio.timeout(20):
        while len(desk.issuer.token_requests) == asked:
            await asyncio.sleep(0.01)
    assert successor.unready() is None
    running_successor.cancel()


@pytest.mark.parametrize("content", [b"", b"garbage", b"\xff\xfe", b"a.b.c"])
async def test_a_file_with_anything_else_is_not_counted(desk: Desk, content: bytes) -> None:
    desk.file.parent.mkdir()
    desk.file.write_bytes(content)
    refresher = desk.refresher()
    refresher.adopt()
    assert refresher.unready() is not None


async def test_a_new_client_secret_is_read_at_the_next_attempt(desk: Desk) -> None:
    refresher = desk.refresher()
    await refresher.refresh()
    (desk.folder / "secret").write_text("another")
    await refresher.refresh()
    assert [asked.basic for asked in desk.issuer.token_requests] == [("vk", "s3cret-of-the-client"), ("vk", "another")]


@pytest.mark.parametrize(("content", "words"), [("", "is empty"), (None, "can't be read")])
async def test_a_missing_secret_is_told_with_its_file(desk: Desk, content: str | None, words: str) -> None:
    refresher = desk.refresher()
    (desk.folder / "secret").unlink()
    if content is not None:
        (desk.folder / "secret").write_text(content)
    await refresher.refresh()
    assert f"{desk.folder}/secret {words}" in str(refresher.unready())
    assert desk.issuer.token_requests == []


@pytest.mark.parametrize(("header", "wait"), [("120", 120), ("99999", 600), ("soon", 2), ("-5", 2)])
async def test_an_issuer_that_asks_for_patience_gets_it(desk: Desk, header: str, wait: float) -> None:
    desk.issuer.token_mode, desk.issuer.retry_after = "fail", header
    assert await desk.refresher().refresh() == pytest.approx(wait, rel=0.2)


async def test_the_token_comes_over_tls_from_an_issuer_of_a_private_authority(tmp_path: Path) -> None:
    authority = Authority.create(tmp_path)
    async with running(FakeIssuer(), authority.server(tmp_path)) as issuer:
        desk = Desk(issuer, tmp_path)
        stranger = desk.refresher()
        await stranger.refresh()
        assert "CERTIFICATE_VERIFY_FAILED" in str(stranger.unready())
        assert issuer.token_requests == []
        await desk.refresher(ca_file=authority.file).refresh()
        assert desk.file.exists()


async def test_a_named_token_endpoint_needs_no_discovery(desk: Desk) -> None:
    await desk.refresher(issuer=None, token_endpoint=f"{desk.issuer.url}token").refresh()
    assert desk.file.exists()
    assert desk.issuer.fetches["discovery"] == 0


async def test_a_url_encoded_reply_does_as_well(desk: Desk) -> None:
    desk.issuer.reply_format = "form"
    await desk.refresher().refresh()
    assert claims_of(desk.file.read_text()) is not None


@dataclass
class Rotation:
    """Gives a new refresh token for each and refuses all but the last."""

    issuer: FakeIssuer
    good: str = "refresh-1"
    count: int = 1
    seen: list[str] = field(default_factory=list)

    def __call__(self, asked: TokenRequest) -> tuple[int, dict[str, Any]]:
        shown = asked.form["refresh_token"]
        self.seen.append(shown)
        if shown != self.good:
            return 400, {"error": "invalid_grant", "error_description": f"{shown} was used already"}
        self.count += 1
        self.good = f"refresh-{self.count}"
        return 200, {**self.issuer.grant(asked), "refresh_token": self.good}


async def test_a_rotated_refresh_token_is_used_next_and_outlives_a_restart(desk: Desk) -> None:
    rotation = desk.issuer.reply = Rotation(desk.issuer)
    refresher = desk.by_refresh_token()
    await refresher.refresh()
    await refresher.refresh()
    assert (desk.folder / "store").read_text() == "refresh-3"
    assert stat.S_IMODE((desk.folder / "store").stat().st_mode) == 0o600
    await desk.by_refresh_token().refresh()
    assert rotation.seen == ["refresh-1", "refresh-2", "refresh-3"]


async def test_a_refresh_token_that_was_saved_is_not_saved_again(desk: Desk) -> None:
    desk.issuer.reply = lambda asked: (200, {**desk.issuer.grant(asked), "refresh_token": "refresh-2"})
    refresher = desk.by_refresh_token()
    await refresher.refresh()
    before = (desk.folder / "store").stat().st_ino
    await refresher.refresh()
    assert (desk.folder / "store").stat().st_ino == before


async def test_the_rotated_refresh_token_is_saved_even_if_the_access_token_can_not_be_written(desk: Desk) -> None:
    desk.issuer.reply = Rotation(desk.issuer)
    desk.file.parent.write_text("a file where a folder should be")
    refresher = desk.by_refresh_token()
    await refresher.refresh()
    assert refresher.unready() is not None
    assert (desk.folder / "store").read_text() == "refresh-2"


async def test_a_store_that_can_not_be_written_does_not_stop_the_refresh_and_is_tried_again(desk: Desk) -> None:
    desk.issuer.reply = Rotation(desk.issuer)
    store = desk.folder / "there" / "store"
    (desk.folder / "there").write_text("in the way")
    (desk.folder / "first").write_text("refresh-1")
    refresher = desk.refresher(
        grant="refresh_token", refresh_token_file=desk.folder / "first", refresh_token_store=store
    )
    await refresher.refresh()
    assert refresher.unready() is None
    (desk.folder / "there").unlink()
    await refresher.refresh()
    assert store.read_text() == "refresh-3"


async def test_a_new_token_of_the_administrator_mends_a_broken_chain(desk: Desk) -> None:
    rotation = desk.issuer.reply = Rotation(desk.issuer)
    refresher = desk.by_refresh_token()
    await refresher.refresh()
    rotation.good = "from-the-administrator"
    await refresher.refresh()
    assert "invalid_grant" in str(refresher._failure)
    (desk.folder / "first").write_text("from-the-administrator")
    assert await refresher.refresh() > 100
    assert await desk.by_refresh_token().refresh() > 100, "and after a restart"


async def test_a_refresh_token_that_stays_the_same_is_not_copied(desk: Desk) -> None:
    refresher = desk.by_refresh_token()
    await refresher.refresh()
    await refresher.refresh()
    assert not (desk.folder / "store").exists()
    assert [asked.form["refresh_token"] for asked in desk.issuer.token_requests] == ["refresh-1", "refresh-1"]


async def test_an_issuer_that_is_away_does_not_make_it_try_other_refresh_tokens(desk: Desk) -> None:
    rotation = desk.issuer.reply = Rotation(desk.issuer)
    refresher = desk.by_refresh_token()
    await refresher.refresh()
    desk.issuer.token_mode = "fail"
    await refresher.refresh()
    assert rotation.seen == ["refresh-1", "refresh-2"]


async def test_a_missing_refresh_token_is_told_with_its_file(desk: Desk) -> None:
    (desk.folder / "first").write_text("")
    refresher = desk.by_refresh_token()
    await refresher.refresh()
    assert f"no refresh token in {desk.folder}/first" in str(refresher.unready())


async def test_no_secret_is_ever_logged(desk: Desk, log_text: Callable[[], str]) -> None:
    """Good replies, refusals that quote what was sent, nonsense with tokens in it: the canaries are all the secrets."""
    opaque = "opaque-canary-0123456789"
    granted: list[str] = []

    def reply(asked: TokenRequest) -> tuple[int, dict[str, Any]]:
        number = len(granted)
        fields = desk.issuer.grant(asked)
        granted.append(fields["access_token"])
        shown = asked.form["refresh_token"]
        return [
            (200, {**fields, "refresh_token": "refresh-canary-2"}),
            (400, {"error": "invalid_request", "error_description": f"{shown} {asked.basic} {fields['access_token']}"}),
            (200, {"access_token": f"{opaque} {opaque}"}),
            (200, {"token": opaque, "id_token": fields["access_token"]}),
            (200, {"access_token": opaque}),
        ][number]

    desk.issuer.reply = reply
    (desk.folder / "first").write_text("refresh-canary-1")
    refresher = desk.by_refresh_token()
    for _ in range(5):
        await refresher.refresh()
    assert desk.file.read_text() == opaque
    text = log_text()
    events = {json.loads(line)["event"] for line in text.splitlines()}
    assert {"refresh.done", "refresh.failed", "refresh_token.saved"} <= events
    secrets = ["refresh-canary-1", "refresh-canary-2", opaque, "s3cret-of-the-client"]
    secrets += [piece for token in granted for piece in token.split(".")]
    assert [secret for secret in secrets if secret in text] == []
