"""`kubectl exec` and `kubectl attach` into pods that run as jobs, as people use them: through the API server, to both endpoints."""

import hashlib
import os
import pty
import random
import re
import signal
import subprocess
import termios
import time

import pykube
import pytest
from devcluster.platform import Platform as WholePlatform

from tests.cluster.conftest import Platform
from tests.cluster.pods import Pods, manifest, shell

PATIENCE = 60.0
LIVES = "trap 'exit 0' TERM; while read word; do echo got $word; done; sleep 1000 & wait"


class Kubectl:
    """kubectl, for pods of one namespace."""

    def __init__(self, platform: Platform, namespace: str) -> None:
        kubectl = WholePlatform(platform.checkout).kubectl
        self._start = [str(kubectl.program), f"--kubeconfig={kubectl.kubeconfig}", f"--namespace={namespace}"]

    def argv(self, *words: str) -> list[str]:
        return [*self._start, *words]

    def run(self, *words: str, stdin: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
        return subprocess.run(self.argv(*words), input=stdin, capture_output=True, timeout=PATIENCE, check=False)


@pytest.fixture
def kubectl(platform: Platform, namespace: str) -> Kubectl:
    return Kubectl(platform, namespace)


@pytest.fixture
def pod(pods: Pods, node: str, hello: str) -> pykube.Pod:
    """A pod that runs, whose first process reads a terminal."""
    container = shell("c", hello, LIVES, stdin=True, tty=True)
    made = pods.create(manifest(node, [container], terminationGracePeriodSeconds=1))
    pods.wait_for_phase(made, "Running")
    return made


class Terminal:
    """A program in a terminal of 100 columns and 30 rows."""

    def __init__(self, argv: list[str]) -> None:
        self._master, slave = pty.openpty()
        termios.tcsetwinsize(self._master, (30, 100))
        self.process = subprocess.Popen(argv, stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
        os.close(slave)
        self._seen = ""

    def resize(self, width: int, height: int) -> None:
        termios.tcsetwinsize(self._master, (height, width))
        # the terminal is not the program's controlling one, so that the kernel tells it nothing
        self.process.send_signal(signal.SIGWINCH)

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def wait_for(self, pattern: str) -> str:
        """Read until the pattern has come; what came before is not looked at again."""
        os.set_blocking(self._master, False)
        limit = time.monotonic() + PATIENCE
        while (found := re.search(pattern, self._seen)) is None:
            assert time.monotonic() < limit, self._seen
            try:
                self._seen += os.read(self._master, 4096).decode(errors="replace")
            except BlockingIOError:
                time.sleep(0.02)
        self._seen = self._seen[found.end() :]
        return found.group()

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._master)


def test_outputs_and_the_exit_code(kubectl: Kubectl, pod: pykube.Pod) -> None:
    done = kubectl.run("exec", pod.name, "--", "sh", "-c", "echo out; echo err >&2; exit 7")
    assert (done.returncode, done.stdout) == (7, b"out\n")
    # an API server opens with an empty message, which kubectl, when it is slow, has no stream for yet: it logs that
    said = [line for line in done.stderr.splitlines() if b"Unknown stream id 1, discarding message" not in line]
    assert said[0] == b"err"


def test_five_megabytes_go_in_and_come_back(kubectl: Kubectl, pod: pykube.Pod) -> None:
    data = random.Random(1).randbytes(5 << 20)
    done = kubectl.run("exec", "-i", pod.name, "--", "cat", stdin=data)
    assert done.returncode == 0, done.stderr
    assert hashlib.sha256(done.stdout).digest() == hashlib.sha256(data).digest()


def test_what_is_not_in_the_image_is_said(kubectl: Kubectl, pod: pykube.Pod) -> None:
    done = kubectl.run("exec", pod.name, "--", "there-is-no-such")
    assert done.returncode != 0
    assert b'exec: "there-is-no-such": executable file not found in $PATH' in done.stderr


def test_a_terminal_follows_the_one_it_is_shown_in(kubectl: Kubectl, pod: pykube.Pod) -> None:
    shown = Terminal(kubectl.argv("exec", "-it", pod.name, "--", "sh"))
    try:
        shown.type("test -t 0 && echo is-a-$((40 + 2))\n")
        shown.wait_for("is-a-42")
        shown.resize(132, 43)
        shown.type("until [ \"$(stty size)\" = '43 132' ]; do sleep 0.1; done; echo resized-$((40 + 2))\n")
        shown.wait_for("resized-42")
        shown.type("exit 5\n")
        assert shown.process.wait(PATIENCE) == 5
    finally:
        shown.close()


def test_attached_to_what_the_pod_runs(kubectl: Kubectl, pod: pykube.Pod) -> None:
    shown = Terminal(kubectl.argv("attach", "-it", pod.name))
    try:
        shown.type("word\n")
        shown.wait_for("got word")
    finally:
        shown.close()


def test_a_container_that_goes_takes_its_commands_with_it(kubectl: Kubectl, pod: pykube.Pod) -> None:
    argv = kubectl.argv("exec", pod.name, "--", "sh", "-c", "echo here; sleep 1000")
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"here\n"
        pod.delete()
        process.communicate(timeout=PATIENCE)
    assert process.returncode != 0
