"""What a killed `up` leaves running: nothing, whoever else was killed with it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from devcluster.alone import Busy, alone
from devcluster.leash import end_marked, leash, marked
from devcluster.paths import Checkout

# a step whose program starts another one, which turns its back on session, parent and signals
_STUBBORN = "trap '' TERM; setsid sh -c 'trap \"\" TERM; sleep 1000; :' & wait"
_UP = f"""
import sys
from pathlib import Path
from devcluster.alone import alone
from devcluster.paths import Checkout
from devcluster.steps import Step, run_steps
from rich.console import Console

checkout = Checkout(Path(sys.argv[1]))
with alone(checkout):
    run_steps([Step("long", "long", lambda log: log.run(["sh", "-c", {_STUBBORN!r}]))], checkout.logs, Console())
"""


def until(condition: Callable[[], bool]) -> None:
    limit = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < limit, "not within 30 s"
        time.sleep(0.05)


def commands(checkout: Checkout) -> dict[int, str]:
    found = {}
    for pid in marked(checkout.id):
        try:
            found[pid] = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
    return found


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Checkout]:
    found = Checkout(tmp_path)
    yield found
    end_marked(found.id, 0.1)


@pytest.fixture
def up(checkout: Checkout) -> subprocess.Popen[bytes]:
    """In the middle of a step, with all of its programs running."""
    process = subprocess.Popen([sys.executable, "-c", _UP, str(checkout.root)], stdout=subprocess.DEVNULL)
    until(lambda: any(command.startswith("sleep 1000") for command in commands(checkout).values()))
    return process


def guard_of(process: subprocess.Popen[bytes]) -> int:
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    (guard,) = [int(pid) for pid in children if b"devcluster.leash" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    return guard


def test_programs_of_a_killed_command_end_with_it(checkout: Checkout, up: subprocess.Popen[bytes]) -> None:
    up.kill()
    up.wait()
    until(lambda: not marked(checkout.id))


def test_the_next_command_ends_what_is_left_if_the_guard_was_killed_too(
    checkout: Checkout, up: subprocess.Popen[bytes]
) -> None:
    os.kill(guard_of(up), signal.SIGKILL)
    up.kill()
    up.wait()
    assert marked(checkout.id)
    with alone(checkout):
        assert not marked(checkout.id)


def test_only_one_command_at_a_time(checkout: Checkout, up: subprocess.Popen[bytes]) -> None:
    with pytest.raises(Busy, match="another devcluster command"), alone(checkout):
        pass
    assert marked(checkout.id), "the other one's programs are left alone"
    up.kill()
    up.wait()


def test_another_checkouts_programs_are_left_alone(tmp_path: Path) -> None:
    with leash("aaaaaa"):
        process = subprocess.Popen(["sleep", "1000"])
        with_own_environment = subprocess.Popen(["sleep", "1000"], env={"PATH": os.environ["PATH"]})
        assert marked("aaaaaa") == [process.pid]
        assert marked("aaaaa") == marked("bbbbbb") == []
        end_marked("bbbbbb")
        assert process.poll() is None
    assert process.wait(timeout=30) == -signal.SIGTERM
    assert with_own_environment.poll() is None, "a machine stays"
    with_own_environment.kill()
    with_own_environment.wait()
