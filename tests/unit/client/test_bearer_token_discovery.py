"""Tools find the session's token by WLCG Bearer Token Discovery, version 1.0 (https://doi.org/10.5281/zenodo.3937438)."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from highrate.tokens import settings, token_file
from highrate.tokens.answer import Granted

from tests.fakes.session_tokens import SessionTokens


def discover(environ: Mapping[str, str], temporary: Path) -> str | None:
    """As the specification says it: the first that is set decides, spaces at the ends are taken off."""
    if environ.get("BEARER_TOKEN"):
        return environ["BEARER_TOKEN"].strip()
    if environ.get("BEARER_TOKEN_FILE"):
        return Path(environ["BEARER_TOKEN_FILE"]).read_text().strip()
    name = f"bt_u{os.geteuid()}"
    if environ.get("XDG_RUNTIME_DIR"):
        inside = Path(environ["XDG_RUNTIME_DIR"]) / name
        if inside.is_file():
            return inside.read_text().strip()
    place = temporary / name
    return place.read_text().strip() if place.is_file() else None


@pytest.mark.parametrize("unset", [(), ("BEARER_TOKEN_FILE",)], ids=["by variable", "by folder"])
def test_a_token_that_the_agent_wrote_is_found(tokens: SessionTokens, run_folder: Path, unset: tuple[str, ...]) -> None:
    environ = {name: value for name, value in tokens.environment(run_folder).items() if name not in unset}
    found = settings.from_environment(environ)
    assert found is not None
    token_file.write(found.file, Granted("the-token", "p", "", "", 1000.0))
    assert discover(environ, run_folder / "nowhere") == "the-token"


def test_a_token_of_the_users_own_comes_first(tokens: SessionTokens, run_folder: Path) -> None:
    environ = tokens.environment(run_folder, BEARER_TOKEN="my-own")
    token_file.write(settings.file(environ), Granted("the-token", "p", "", "", 1000.0))
    assert discover(environ, run_folder) == "my-own"


@pytest.mark.parametrize(
    ("environ", "place"),
    [
        ({"BEARER_TOKEN_FILE": "/a/b", "XDG_RUNTIME_DIR": "/run/x"}, "/a/b"),
        ({"BEARER_TOKEN_FILE": "", "XDG_RUNTIME_DIR": "/run/x"}, f"/run/x/bt_u{os.geteuid()}"),
        ({"XDG_RUNTIME_DIR": ""}, f"/tmp/bt_u{os.geteuid()}"),
        ({}, f"/tmp/bt_u{os.geteuid()}"),
    ],
)
def test_the_file_is_where_a_tool_would_look(environ: dict[str, str], place: str) -> None:
    assert settings.file(environ) == Path(place)
