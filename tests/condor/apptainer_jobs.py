"""Pods run by the real supervisor in real Apptainer, as an unprivileged account of a machine; no pool is needed for that."""

import json
import os
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from condor_sidecar.core.compile import compile_pod
from condor_sidecar.core.payload import pack
from condor_sidecar.core.policy import HostPathRule, ImagePolicy, Policy, VolumeRule
from condor_sidecar.core.result import parse_out_tar, parse_stream
from condor_sidecar.job.executable import executable
from condor_sidecar.job.supervisor import plan as job
from condor_sidecar.model.plan import PayloadFile, Plan
from condor_sidecar.model.result import ContainerResult, JobResult
from devcluster.machine import Bind, Machine, running
from devcluster.paths import Checkout, cache_root
from interlink.protocol.types import RetrievedContainer, RetrievedPodData

from devcluster import rootfs

ACCOUNT = "pilot"
IMAGES = "/images"
SCRATCH = "/scratch"
PATIENCE = 60.0
POLICY = Policy(
    images=ImagePolicy(unpacked_roots=(IMAGES,), path_prefixes=(IMAGES,), docker_fallback=False),
    host_paths=(
        HostPathRule("/opt/site"),
        HostPathRule("/data", f"{SCRATCH}/data", read_only=False),
        HostPathRule("/tmp", f"{SCRATCH}/everybody", read_only=False),
    ),
    volumes=(
        VolumeRule(f"{SCRATCH}/eos/{{namespace}}/{{claim}}", storage_class="eos", read_only=False, create=True),
        VolumeRule("/opt/site", driver="site.example.org"),
    ),
)
CONFIG = {
    "Entrypoint": ["/bin/printf", "%s\\n"],
    "Cmd": ["from", "the image"],
    "Env": ["IMAGE=yes", "PATH=/bin"],
    "WorkingDir": "/srv/work",
}

# programs of the machine, with the libraries that they load; directories as an image of root's has them
MAKE_IMAGE = """
set -e
useradd --create-home --shell /bin/sh pilot
mkdir -p /opt/site && echo site > /opt/site/file
image=/images/tools:1
mkdir -p $image/etc/app $image/dev $image/proc $image/sys $image/run $image/var $image/usr/bin $image/srv/work $image/.highrate
mkdir -m 0700 $image/root && mkdir -m 1777 $image/tmp && mkdir -m 0555 $image/usr/locked
ln -s usr/bin $image/bin; ln -s ../run $image/var/run
echo secret > $image/root/file; echo conf > $image/etc/app/conf
echo 'root:x:0:0::/root:/bin/sh' > $image/etc/passwd
for program in sh cat echo env sleep id ls mkdir touch rm stat pwd printf readlink grep head; do
  path=$(readlink -f /usr/bin/$program)
  cp "$path" "$image/usr/bin/$program"
  ldd "$path" | grep -o '/[^ ]*' | while read -r library; do
    mkdir -p "$image/$(dirname "$library")"; cp -L -n "$library" "$image/$library"
  done
done
"""


def make_image(machine: Machine, images: Path) -> None:
    """The account, and an image that says what it wants to run."""
    machine.run(["sh", "-c", MAKE_IMAGE])
    (images / "tools:1/.highrate/config.json").write_text(json.dumps(CONFIG))


def pod(*containers: dict[str, Any], **spec: Any) -> dict[str, Any]:
    metadata = {"name": "hello", "namespace": "default", "uid": str(uuid.uuid4())}
    return {"metadata": metadata, "spec": {"restartPolicy": "Never", "containers": list(containers), **spec}}


def container(name: str, *command: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "image": "tools:1", "command": list(command), **fields}


def shell(name: str, script: str, **fields: Any) -> dict[str, Any]:
    return container(name, "/bin/sh", "-c", script, **fields)


def planned(
    of: dict[str, Any],
    config_maps: dict[str, dict[str, str]] | None = None,
    *,
    claims: Sequence[dict[str, Any]] = (),
    secrets: Sequence[dict[str, Any]] = (),
    policy: Policy = POLICY,
) -> Plan:
    """The plan of a pod that must be accepted."""
    maps = [{"metadata": {"name": name}, "data": data} for name, data in (config_maps or {}).items()]
    first = RetrievedContainer(of["spec"]["containers"][0]["name"], configMaps=maps)
    plan = compile_pod(RetrievedPodData(of, [first], claims=list(claims), pullSecrets=list(secrets)), policy)
    assert isinstance(plan, Plan), plan
    return plan


def changed(plan: Plan, **fields: Any) -> Plan:
    """The plan with other fields in what the supervisor reads."""
    pod_plan = job.decode(plan.files[0].content)._replace(**fields)
    return Plan(**{
        **{name: getattr(plan, name) for name in Plan.__slots__},
        "files": (PayloadFile(job.PLAN_FILE, job.encode(pod_plan)), *plan.files[1:]),
    })  # fmt: skip


class ApptainerJob:
    """One job in a directory of its own."""

    def __init__(self, machine: Machine, scratch: Path, uid: str, payload: bytes, names: Sequence[str]) -> None:
        """`names` are those of the pod's containers, of which logs come back."""
        self.machine = machine
        self._names = names
        self.folder = scratch / uid
        self.inside = f"{SCRATCH}/{uid}"
        self.folder.mkdir(mode=0o700)
        (self.folder / "payload.tar").write_bytes(payload)
        run = self.folder / "run.sh"
        run.write_bytes(executable())
        run.chmod(0o755)
        owner = machine.run(["sh", "-c", f"chown -R {ACCOUNT}: {self.inside}; id -u {ACCOUNT}"]).stdout
        assert int(owner) > 0
        start = f"cd {self.inside} && echo $$ > pid && exec env -i _CONDOR_SCRATCH_DIR={self.inside} ./run.sh"
        with (self.folder / "out").open("wb") as out, (self.folder / "err").open("wb") as err:
            command = machine.command(["/bin/sh", "-c", start], user=ACCOUNT)
            self.process = subprocess.Popen(command, stdout=out, stderr=err, stdin=subprocess.DEVNULL)

    def terminate(self) -> None:
        """SIGTERM, as HTCondor sends it: to the job's first process alone."""
        self.machine.run(["kill", "-TERM", (self.folder / "pid").read_text().strip()])

    def wait_until(self, condition: Callable[[JobResult], bool]) -> JobResult:
        limit = time.monotonic() + PATIENCE
        while time.monotonic() < limit:
            result = parse_stream((self.folder / "out").read_bytes(), self._names)
            if result is not None and condition(result):
                return result
            time.sleep(0.05)
        raise AssertionError((self.folder / "out").read_text() + (self.folder / "err").read_text())

    def end(self) -> JobResult:
        """Wait for the job's end; nothing but the result lies where it would be brought back."""
        self.process.wait(PATIENCE)
        assert (self.folder / "err").read_text() == ""
        assert sorted(path.name for path in self.folder.iterdir() if path.is_file()) == [
            "err",
            "out",
            "out.tar",
            "pid",
            "run.sh",
        ]
        with (self.folder / "out.tar").open("rb") as file:
            return parse_out_tar(file, self._names)


@dataclass(frozen=True)
class Worker:
    """A machine that runs jobs."""

    machine: Machine
    scratch: Path

    def start(self, plan: Plan) -> ApptainerJob:
        return self.start_payload(plan.uid, pack(plan), [each.name for each in plan.containers])

    def start_payload(self, uid: str, payload: bytes, names: Sequence[str]) -> ApptainerJob:
        return ApptainerJob(self.machine, self.scratch, uid, payload, names)

    def run(self, plan: Plan) -> JobResult:
        return self.start(plan).end()


@contextmanager
def working(folder: Path) -> Iterator[Worker]:
    """A machine with the account and the image, all its files in `folder`."""
    if os.geteuid() != 0:
        pytest.fail("needs root, for a machine of its own")
    os.umask(
        0o022
    )  # a sidecar that ran in this process left its own, by which no account but root's gets into the machine
    folder.chmod(0o755)
    for parent in list(folder.parents)[:2]:
        parent.chmod(0o755)  # the account of the jobs must get at its directory
    tree = rootfs.ensure(rootfs.MACHINE, cache_root(), folder / "rootfs.log")
    binds = (Bind(folder / "images", IMAGES), Bind(folder / "scratch", SCRATCH))
    with running(Machine(Checkout(folder), "worker", tree, "worker", binds=binds)) as machine:
        make_image(machine, folder / "images")
        (folder / "scratch").chmod(0o777)
        yield Worker(machine, folder / "scratch")


def ends(result: JobResult) -> dict[str, ContainerResult]:
    return {each.name: each for each in result.containers}


def text(result: JobResult, name: str, stream: str = "stdout") -> str:
    """What a container wrote to one of its outputs."""
    parts = [line.split(b" ", 3) for line in result.logs[name].split(b"\n")[:-1]]
    return b"".join(
        part[3] + (b"\n" if part[2] == b"F" else b"") for part in parts if part[1] == stream.encode()
    ).decode()
