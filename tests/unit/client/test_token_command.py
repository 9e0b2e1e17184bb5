"""`highrate token`: what people see, and what scripts get."""

import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from highrate.cli import main
from highrate.tokens import token_file
from highrate.tokens.answer import Granted

from tests.fakes.session_tokens import Reply, SessionTokens, granted, refused

FOREVER = 4_102_444_800.0  # 2100
Told = Callable[..., tuple[int, str, str]]


@pytest.fixture
def told(
    tokens: SessionTokens, run_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Told:
    """Exit code, standard output and error of `highrate token ...` in a session."""
    for name, value in tokens.environment(run_folder).items():
        monkeypatch.setenv(name, value)

    def command(*words: str) -> tuple[int, str, str]:
        code = main(["token", *words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return command


def test_without_options_it_tells_of_the_sessions_token_and_shows_no_part_of_it(
    told: Told, run_folder: Path, tokens: SessionTokens
) -> None:
    place = run_folder / "bt_u1000"
    token_file.write(place, Granted("secret", "storage", "storage.read:/", "any", FOREVER))
    code, out, _ = told()
    assert code == 0
    assert [line.split(maxsplit=1) for line in out.splitlines() if not line.startswith("expires")] == [
        ["file", str(place)],
        ["profile", "storage"],
        ["scopes", "storage.read:/"],
        ["audience", "any"],
    ]
    assert "2100-01-01 00:00:00 UTC, in " in out
    assert "secret" not in out
    assert not tokens.calls


def test_an_expired_or_absent_token_is_no_success(told: Told, run_folder: Path) -> None:
    code, _, err = told()
    assert code == 1
    assert f"there is no token in {run_folder}/bt_u1000" in err
    token_file.write(run_folder / "bt_u1000", Granted("t", "storage", "", "", 1000.0))
    code, out, _ = told()
    assert code == 1
    assert "it has expired" in out


def test_a_token_from_elsewhere_is_said_to_be_unknown(told: Told, run_folder: Path) -> None:
    (run_folder / "bt_u1000").write_text("from elsewhere")
    code, out, _ = told()
    assert code == 0
    assert "unknown" in out


def test_another_profiles_token_is_printed_bare(told: Told, tokens: SessionTokens) -> None:
    tokens.reply = granted("other-token", profile="compute")
    assert told("--profile", "compute") == (0, "other-token\n", "")
    assert [call.path for call in tokens.calls] == ["/v1/token?profile=compute"]


def test_another_profiles_token_is_put_into_a_file(told: Told, tokens: SessionTokens, tmp_path: Path) -> None:
    tokens.reply = granted("other-token", profile="compute")
    place = tmp_path / "somewhere" / "token"
    code, out, _ = told("--profile", "compute", "--file", str(place))
    assert code == 0
    assert place.read_text() == "other-token"
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert "other-token" not in out
    assert "profile   compute" in out


def test_a_file_alone_gets_a_token_of_the_sessions_profile(told: Told, tokens: SessionTokens, tmp_path: Path) -> None:
    assert told("--file", str(tmp_path / "token"))[0] == 0
    assert [call.path for call in tokens.calls] == ["/v1/token?profile=storage"]


@pytest.mark.parametrize(
    ("reply", "code", "said"),
    [
        (refused(404, "unknown_profile", "There are storage and compute."), 1, "There are storage and compute."),
        (refused(403, "not_granted", "Ask for the right."), 1, "Ask for the right."),
        (refused(429, "rate_limited", "Too often.", Retry_After="3"), 75, "Too often."),
        (refused(503, "hub_unavailable", "Later."), 75, "Later."),
        (Reply(200, b"{}"), 75, "holds no access token"),
    ],
)
def test_why_there_is_none_is_told_and_nothing_is_printed(
    told: Told, tokens: SessionTokens, reply: Reply, code: int, said: str
) -> None:
    tokens.reply = reply
    found, out, err = told("--profile", "x")
    assert (found, out) == (code, "")
    assert said in err


def test_where_there_is_no_token_service_it_says_so(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HIGHRATE_TOKENS_URL")
    code, _, err = told("--profile", "x")
    assert code == 2
    assert "HIGHRATE_TOKENS_URL is not set" in err
