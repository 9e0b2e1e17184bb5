"""The agent against a token service on a real socket: what is in the file, and what it says about it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from highrate.tokens import service, settings, token_file
from highrate.tokens.agent import Agent
from highrate.tokens.answer import Answer, NotNow
from highrate.tokens.settings import Settings

from tests.fakes.certificates import Authority
from tests.fakes.session_tokens import HUB_TOKEN, Reply, SessionTokens, granted, refused

ENDED = refused(403, "login_ended", "Log in to the hub again.")
AWAY = refused(503, "hub_unavailable", "The hub doesn't answer.", Retry_After="30")


@dataclass
class Desk:
    """An agent, its file, its clock and its words."""

    tokens: SessionTokens
    folder: Path
    settings: Settings
    said: list[str] = field(default_factory=list)
    ahead: float = 0.0

    def __post_init__(self) -> None:
        self.agent = self.another_agent()

    def another_agent(self) -> Agent:
        return Agent(self.settings, now=lambda: time.time() + self.ahead, say=lambda text, **_: self.said.append(text))

    def step(self, reply: Reply | None = None) -> float:
        if reply is not None:
            self.tokens.reply = reply
        return self.agent.step()

    @property
    def token(self) -> str | None:
        return self.settings.file.read_text() if self.settings.file.exists() else None


@pytest.fixture
def desk(tokens: SessionTokens, run_folder: Path) -> Desk:
    found = settings.from_environment(tokens.environment(run_folder))
    assert found is not None
    return Desk(tokens, run_folder, found)


def test_it_asks_with_the_servers_token_for_the_sessions_profile(desk: Desk) -> None:
    wait = desk.step()
    (call,) = desk.tokens.calls
    assert (call.path, call.authorization) == ("/v1/token?profile=storage", f"token {HUB_TOKEN}")
    assert desk.token == "token-1"
    assert 400 < wait < 600


def test_a_profile_is_quoted_and_none_is_the_services_default(desk: Desk) -> None:
    service.ask(desk.settings, "a&b=c/ü")
    service.ask(desk.settings)
    assert [call.path for call in desk.tokens.calls] == ["/v1/token?profile=a%26b%3Dc%2F%C3%BC", "/v1/token"]


def test_renewals_are_silent_and_changes_are_one_line_each(desk: Desk) -> None:
    replies = [granted(), granted("token-2"), AWAY, AWAY, AWAY, granted("token-3"), ENDED, ENDED, granted("token-4")]
    for reply in replies:
        desk.step(reply)
    kept = f'{desk.settings.file} holds a token of the profile "storage" and is kept fresh'
    assert [line.partition("; the one in")[0] for line in desk.said] == [
        kept,
        "No new token for now: The hub doesn't answer. (503 hub_unavailable)",
        kept,
        "No new token: Log in to the hub again. (403 login_ended)",
        kept,
    ]
    assert desk.token == "token-4"


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_token_that_is_still_good_outlives_a_refusal_and_goes_when_it_expires(desk: Desk, status: int) -> None:
    desk.step(granted(life=600))
    wait = desk.step(refused(status, "code", "No."))
    assert desk.token == "token-1"
    assert wait >= 40
    desk.ahead = 590
    assert desk.step() <= 11  # when it expires, it is looked at again
    assert desk.token == "token-1"
    desk.ahead = 601
    desk.step()
    assert not list(desk.folder.iterdir())
    assert [line.rpartition("; ")[2].split(" ")[:2] for line in desk.said[-2:]] == [["the", "one"], ["there", "is"]]
    desk.step(granted("token-2", life=desk.ahead + 600))
    assert desk.token == "token-2"


def test_a_service_that_is_away_removes_no_token(desk: Desk) -> None:
    desk.step(granted(life=600))
    desk.ahead = 700
    assert desk.step(AWAY) >= 30
    assert desk.token == "token-1"
    assert desk.said[-1].endswith(f"the one in {desk.settings.file} has expired")


def test_an_agent_that_is_begun_again_knows_when_the_token_expires(desk: Desk) -> None:
    desk.step(granted(life=600))
    desk.agent = desk.another_agent()
    desk.ahead = 300
    desk.step(ENDED)
    assert desk.token == "token-1"
    desk.ahead = 601
    desk.step()
    assert desk.token is None


def test_a_token_of_unknown_life_is_left_alone(desk: Desk) -> None:
    desk.settings.file.write_text("put there by the user")
    desk.step(ENDED)
    assert desk.token == "put there by the user"


def test_waits_grow_while_the_service_is_away_and_start_over_after_a_token(desk: Desk) -> None:
    away = refused(503, "busy", "Too many calls.")
    waits = [desk.step(away) for _ in range(7)]
    assert waits[0] < 3
    assert 40 < waits[-1] <= 72
    desk.step(granted())
    assert desk.step(away) < 3


def test_a_token_that_has_expired_when_it_comes_is_none(desk: Desk) -> None:
    desk.step(granted(life=-5))
    assert desk.token is None
    assert "does this machine's clock go right?" in desk.said[0]


def test_a_folder_that_cant_be_written_is_told_and_tried_again(desk: Desk) -> None:
    desk.folder.rmdir()
    desk.folder.write_text("a file")
    assert desk.step() < 10
    assert "the token can't be written" in desk.said[0]
    desk.folder.unlink()
    desk.step()
    assert desk.token == "token-1"


def test_an_expired_token_that_cant_be_removed_is_told_and_tried_again(desk: Desk) -> None:
    desk.step(granted(life=600))
    note = desk.folder / f"{desk.settings.file.name}.json"
    note.unlink()
    note.mkdir()
    desk.ahead = 601
    desk.step(ENDED)
    assert "The expired token can't be removed" in desk.said[1]
    note.rmdir()
    desk.settings.file.touch()
    desk.step()
    assert desk.token is None


BIG = Reply(200, b"x" * 200_000)
MOVED = Reply(302, b"", {"Location": "https://elsewhere.example.org/v1/token"})


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (BIG, "answers with more than 64 KiB"),
        (MOVED, "(302)"),
        (Reply(200, b"{", dribble=True), "no whole answer within 2 s"),
        (Reply(200, b"", silent=True), "no whole answer within 2 s"),
        (Reply(200, b"<html>"), "holds no access token"),
    ],
    ids=["big", "moved", "dribble", "silent", "html"],
)
def test_what_a_service_may_do_instead_of_answering(desk: Desk, reply: Reply, expected: str) -> None:
    desk.tokens.reply = reply
    answer = service.ask(desk.settings, deadline=2)
    assert isinstance(answer, NotNow)
    assert expected in answer.reason
    assert len(desk.tokens.calls) == 1


def _another_authority(desk: Desk) -> Settings:
    folder = desk.folder / "other"
    folder.mkdir()
    return _with(desk, ca_file=Authority.create(folder, "other").file)


def _with(desk: Desk, **changes: object) -> Settings:
    return Settings(**{**{name: getattr(desk.settings, name) for name in Settings.__dataclass_fields__}, **changes})


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (_another_authority, "shows a certificate that isn't trusted"),
        (lambda desk: _with(desk, ca_file=None), "shows a certificate that isn't trusted"),
        (lambda desk: _with(desk, ca_file=desk.folder / "absent"), "can't be read"),
        (lambda desk: _with(desk, url=desk.tokens.url.replace("localhost", "127.1")), "isn't trusted"),
        (lambda desk: _with(desk, url="https://localhost:1"), "doesn't answer"),
        (lambda desk: _with(desk, url="https://no-such-host.invalid"), "doesn't answer"),
        (lambda desk: _with(desk, url="https://a..b"), "doesn't answer"),
    ],
    ids=["another authority", "public authorities", "no authority", "another name", "nobody", "no host", "no name"],
)
def test_the_hubs_token_goes_only_to_the_service_that_the_authority_vouches_for(
    desk: Desk, change: Callable[[Desk], Settings], expected: str
) -> None:
    answer: Answer = service.ask(change(desk), deadline=5)
    assert isinstance(answer, NotNow)
    assert expected in answer.reason
    assert not desk.tokens.calls


def test_no_token_is_in_what_it_says(desk: Desk) -> None:
    echo = refused(403, HUB_TOKEN, f"Who is token {HUB_TOKEN}?")
    for reply in (granted("secret-access-token"), AWAY, echo, Reply(200, b'{"access_token": "secret-access-token"}')):
        desk.step(reply)
    assert len(desk.said) == 4
    assert not [line for line in desk.said if HUB_TOKEN in line or "secret-access-token" in line]
    assert HUB_TOKEN not in repr(desk.settings)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"HIGHRATE_TOKENS_URL": "http://tokens"}, "must be an https:// address"),
        ({"HIGHRATE_TOKENS_URL": "https://"}, "must be an https:// address"),
        ({"HIGHRATE_TOKENS_URL": "https://tokens:x"}, "must be an https:// address"),
        ({"JUPYTERHUB_API_TOKEN": ""}, "JUPYTERHUB_API_TOKEN is not set"),
        ({"JUPYTERHUB_API_TOKEN": "a\r\nX: b"}, "holds characters that no token has"),
    ],
)
def test_an_environment_that_cant_be_used_is_told(
    tokens: SessionTokens, run_folder: Path, changes: dict[str, str], problem: str
) -> None:
    with pytest.raises(settings.SettingsError, match=problem):
        settings.from_environment(tokens.environment(run_folder, **changes))


def test_without_a_token_service_there_is_nothing_to_do() -> None:
    assert settings.from_environment({"JUPYTERHUB_API_TOKEN": "x"}) is None


def test_the_note_beside_the_token_tells_what_the_service_said(desk: Desk) -> None:
    desk.step(granted(life=600))
    note = token_file.read_note(desk.settings.file)
    assert note is not None
    assert (note.profile, note.scope) == ("storage", "storage.read:/ storage.modify:/me")
    assert 590 < note.expires_at - time.time() <= 600
