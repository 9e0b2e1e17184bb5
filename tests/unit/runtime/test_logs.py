"""The canary: planted credentials must not come out of the log, whatever way they go in."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from service_runtime.logs import REDACTED, redact

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJl"
PLANTED = [JWT, "canary-password-1", "canaryBearerToken123456", "canary-key-material"]

SCRIPT = f"""
import logging
from service_runtime.logs import configure_logs, get_logger
configure_logs("canary", "debug")
log = get_logger("test")
log.info("event.one", pod_uid="u", token="{PLANTED[1]}", note="got {JWT} back")
log.info("event.two", headers={{"Authorization": "Bearer {PLANTED[2]}"}}, items=["Bearer {PLANTED[2]}"])
log.warning("event.three", url="https://user:{PLANTED[1]}@host/", error=ValueError("bad {JWT}"))
logging.getLogger("library").error("sent Bearer %s", "{PLANTED[2]}")
try:
    raise RuntimeError("-----BEGIN PRIVATE KEY-----\\n{PLANTED[3]}\\n-----END PRIVATE KEY-----")
except RuntimeError:
    log.exception("event.four")
"""


@pytest.fixture(scope="module")
def lines() -> list[str]:
    run = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    return run.stderr.splitlines()


def test_no_planted_credential_reaches_the_log(lines: list[str]) -> None:
    text = "\n".join(lines)
    assert not [secret for secret in PLANTED if secret in text]
    assert text.count(REDACTED) >= 7


def test_every_line_is_one_json_object_with_the_stable_keys(lines: list[str]) -> None:
    events = [json.loads(line) for line in lines]
    assert [e["event"] for e in events[:3]] == ["event.one", "event.two", "event.three"]
    assert all(e["service"] == "canary" and e["time"] and e["level"] for e in events)
    assert events[0]["pod_uid"] == "u"
    assert "RuntimeError" in events[-1]["exception"]


@pytest.mark.parametrize("harmless", ["tokens.refreshed in 3 s", "il-5b0c", "https://host:8443/path", "basic idea"])
def test_ordinary_text_is_left_alone(harmless: str) -> None:
    assert redact(harmless) == harmless


@pytest.mark.timeout(20)
@pytest.mark.parametrize("beginning", ["eyJ", "://a:", "bearer ", "-----BEGIN A", " "])
def test_text_made_of_beginnings_stalls_nobody(beginning: str) -> None:
    """A pattern that begins again at each of them takes a megabyte hours, and callers have a say in what is logged."""
    assert redact(f"asked for {beginning * 2**18}").startswith("asked for ")


def test_objects_are_looked_through_as_the_text_they_become() -> None:
    class Shown:
        def __repr__(self) -> str:
            return f"Shown({JWT})"

    assert redact({"a": Shown(), "b": [Path("/x"), 7, 1.5, True, None]}) == {
        "a": f"Shown({REDACTED})",
        "b": ["/x", 7, 1.5, True, None],
    }
