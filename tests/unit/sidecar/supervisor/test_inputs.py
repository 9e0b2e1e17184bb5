"""What callers write to a container or a command: any number of them at once, each until it leaves."""

import os
import select
import threading
from typing import Any

import pytest
from condor_sidecar.job.supervisor.attach import Attachment
from condor_sidecar.job.supervisor.channel_protocol import STDIN
from condor_sidecar.job.supervisor.console import Console
from condor_sidecar.job.supervisor.ends import Input

from tests.unit.sidecar.supervisor.jobs import shell

PATIENCE = 10.0
MUCH = b"x" * 262144
"""More than a pipe holds."""


def began(target: Any, *arguments: Any) -> threading.Thread:
    thread = threading.Thread(target=target, args=arguments, daemon=True)
    thread.start()
    return thread


def until_full(descriptor: int) -> None:
    """Wait until nothing more goes into a pipe, whose writers then wait."""
    _, writable, _ = select.select([], [descriptor], [], 0)
    while writable:
        _, writable, _ = select.select([], [descriptor], [], 0)


def test_an_input_that_is_closed_while_two_write_gives_its_descriptor_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    closed: list[int] = []
    close = os.close

    def noted(descriptor: int) -> None:
        closed.append(descriptor)
        close(descriptor)

    monkeypatch.setattr(os, "close", noted)
    given = Input(writer)
    threads = [began(given.write, MUCH) for _ in range(2)]
    until_full(writer)
    given.close()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()
    given.close()
    given.write(b"late")
    assert closed == [writer]
    close(reader)


def test_a_reader_that_is_gone_ends_all_that_write() -> None:
    reader, writer = os.pipe()
    given = Input(writer)
    threads = [began(given.write, MUCH) for _ in range(2)]
    until_full(writer)
    os.close(reader)
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(writer)


def test_who_leaves_a_container_that_reads_nothing_writes_no_more() -> None:
    console = Console(shell("c", "true", stdin=True))
    assert console.input is not None
    leaver = Attachment(console, {"stdin": True}, lambda kind, data: None, lambda code, reason, words: None)
    assert leaver.start()
    writing = began(leaver.feed, STDIN, MUCH)
    until_full(console.input._descriptor)
    leaver.close()
    writing.join(PATIENCE)
    assert not writing.is_alive()
    assert len(os.read(console.stdin, 10)) == 10, "the container's input is still there for others"
    console.end()
    console.started()


def test_a_size_is_for_a_container_that_has_a_terminal_alone() -> None:
    console = Console(shell("c", "true", stdin=True))
    console.resize(80, 24)
    console.end()
    console.started()
    with_one = Console(shell("c", "true", stdin=True, tty=True))
    with_one.resize(132, 43)
    assert os.get_terminal_size(with_one.stdout) == (132, 43)
    with_one.end()
    with_one.started()
