"""A token service on a real socket, and a session's folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes import session_tokens
from tests.fakes.session_tokens import SessionTokens


@pytest.fixture
def tokens(tmp_path: Path) -> Iterator[SessionTokens]:
    (tmp_path / "tls").mkdir()
    with session_tokens.running(tmp_path / "tls") as fake:
        yield fake


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """As XDG_RUNTIME_DIR."""
    folder = tmp_path / "run"
    folder.mkdir()
    return folder
