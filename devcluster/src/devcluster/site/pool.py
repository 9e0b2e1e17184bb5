"""The pool and the compute element as programs of the site's machine."""

import subprocess
import time

from devcluster.commands import CommandFailed
from devcluster.machine import Machine, Program
from devcluster.network import Network
from devcluster.paths import content_key
from devcluster.site import condor, layout, workers
from devcluster.site.machine import certificate
from devcluster.site.master import STOP, command

POOL = "condor"
CE = "condor-ce"
READY_SECONDS = 60.0
READY_SECONDS_PER_MACHINE = 10.0  # they share the processors of one

_POOL_FILE = "/etc/condor/config.d/50-site.config"
_CE_FILE = f"{condor.CE_FOLDER}/condor_config"
_CE_ENVIRONMENT = {"CONDOR_CONFIG": _CE_FILE}
_FOLDERS = {
    POOL: ("/run/condor", "/run/lock/condor"),
    CE: ("/run/condor-ce", *(f"{condor.CE_STATE}{part}" for part in ("", "/log", "/spool", "/execute"))),
}


class PoolNotReady(Exception):
    """A daemon didn't come up; the message says which, and what was seen."""


def start(machine: Machine, network: Network, slots: layout.Slots, *, with_ce: bool = True) -> None:
    """Start or repair the daemons and wait until jobs can be taken. Raises PoolNotReady."""
    address = network.plan.site
    pair = certificate(network)
    shared = {
        layout.CERTIFICATE: (pair.certificate.read_text(), 0o644),
        layout.KEY: (pair.key.read_text(), 0o600),
        f"{layout.CONDOR_FILES}/mapfile": (condor.mapfile(), 0o644),
    }
    configurations = {POOL: (_POOL_FILE, condor.pool_config(address, slots))}
    if with_ce:
        configurations[CE] = (_CE_FILE, condor.ce_config(address))
    for place, (text, mode) in shared.items():
        machine.write(place, text, mode)
    for order, (name, (place, text)) in enumerate(configurations.items(), start=20):
        machine.write(place, text)
        # A changed configuration is a changed program: init starts it anew.
        env = {"SITE_FILES": content_key(text, *(content for content, _ in shared.values()))}
        env |= _CE_ENVIRONMENT if name == CE else {}
        machine.supervise(Program(name, command(name, _FOLDERS[name]), env=env, order=order, stop_signal=STOP))
    workers.provide(machine, network, slots)
    _wait(machine, "the pool's startd", ["condor_status", "-startd", "-af", "Name"], {}, slots.machines or 1)
    _wait(machine, "the pool's schedd", ["condor_status", "-schedd", "-af", "Name"], {})
    if with_ce:
        _wait(machine, "the compute element's schedd", ["condor_status", "-schedd", "-af", "Name"], _CE_ENVIRONMENT)


def ready(machine: Machine, *, ce: bool = False) -> tuple[bool, str]:
    """Whether jobs can be handed in, and the words for it."""
    env = _CE_ENVIRONMENT if ce else {}
    answer = machine.run(
        ["condor_status", "-schedd", "-af", "Name", "TotalRunningJobs"], env=env, check=False, timeout=20
    )
    words = answer.stdout.split()
    return (True, f"{words[1]} jobs run") if len(words) > 1 else (False, "no schedd is advertised")


def _wait(machine: Machine, what: str, argv: list[str], env: dict[str, str], lines: int = 1) -> None:
    patience = READY_SECONDS + READY_SECONDS_PER_MACHINE * (lines - 1)
    limit = time.monotonic() + patience
    while True:
        try:
            answer = machine.run(argv, env=env, check=False, timeout=20)
            if len(answer.stdout.splitlines()) >= lines:
                return
            last = answer.stderr.strip() or f"{len(answer.stdout.splitlines())} of {lines} have come"
        except (CommandFailed, subprocess.TimeoutExpired) as problem:
            last = str(problem)
        if time.monotonic() > limit:
            raise PoolNotReady(f"{what} is not there after {patience:.0f} s: {last}")
        time.sleep(0.3)
