"""Dask on HTCondor without the platform: a scheduler at the site, workers submitted by hand, direct TLS between them.

What somebody with an account at the site has, and so what the platform's clusters are measured beside.
"""

import contextlib
import json
import subprocess
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from devcluster.site.access import Site
from devcluster.site.layout import PILOT
from distributed import Security

PORT = 18786
SECONDS = 300

_SUBMIT = """
executable = /usr/bin/apptainer
transfer_executable = false
arguments = "exec --bind {folder} {image} dask worker tls://{address}:{port} --nthreads 1 --no-dashboard {tls}"
environment = "PYTHONNOUSERSITE=1"
request_cpus = 1
request_memory = 1024
log = {folder}/jobs.log
output = {folder}/$(Process).log
error = {folder}/$(Process).log
queue {count}
"""
_CLIENT = """
import json, sys, time
from distributed import Client, Security
folder, address, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
security = Security(tls_ca_file=f"{folder}/ca.pem", tls_client_cert=f"{folder}/cert.pem", tls_client_key=f"{folder}/key.pem")
client = Client(address, security=security, timeout=60)
client.wait_for_workers(count, timeout=240)
answer = {"workers": time.time()}
exec(open(f"{folder}/measure.py").read())
print(json.dumps(answer))
"""


@dataclass(frozen=True)
class PlainCluster:
    site: Site
    image: str
    """The unpacked image at the site."""
    folder: str

    def measure(self, count: int, code: str) -> dict[str, Any]:
        """`workers`: seconds from the submission to `count` workers; then what `code` puts into `answer`, with `client`."""
        self._write("client.py", _CLIENT)
        self._write("measure.py", code)
        self._write("jobs.submit", _SUBMIT.format(**self._words(), count=count))
        began = time.time()
        self.site.run(["condor_submit", f"{self.folder}/jobs.submit"], user=PILOT)
        words = [
            "python",
            f"{self.folder}/client.py",
            self.folder,
            f"tls://{self._words()['address']}:{PORT}",
            str(count),
        ]
        said = self.site.run(self.inside(words), user=PILOT, timeout=SECONDS).stdout
        found: dict[str, Any] = json.loads(said.splitlines()[-1])
        return {**found, "workers": found["workers"] - began}

    def inside(self, words: list[str]) -> list[str]:
        """A command in the image."""
        return ["apptainer", "exec", "--bind", self.folder, self.image, *words]

    def certificates(self) -> None:
        made = Security.temporary()  # type: ignore[no-untyped-call]
        for name, text in (
            ("ca.pem", made.tls_ca_file),
            ("cert.pem", made.tls_scheduler_cert),
            ("key.pem", made.tls_scheduler_key),
        ):
            self._write(name, text)

    def scheduler(self) -> list[str]:
        """The command line of this host that runs it at the site."""
        words = ["dask", "scheduler", "--protocol", "tls", "--port", str(PORT), "--no-dashboard", *self._tls().split()]
        return self.site.machine.command(self.inside(words), user=PILOT)

    def remove(self) -> None:
        self.site.run(["condor_rm", "-constraint", f'UserLog == "{self.folder}/jobs.log"'], check=False)
        # what enters the site's machine is not the scheduler itself
        self.site.run(["pkill", "-f", f"dask scheduler.*{self.folder}"], check=False)
        self.site.run(["rm", "-rf", self.folder])

    def _words(self) -> dict[str, str]:
        address = str(self.site.network.plan.site)
        return {"folder": self.folder, "image": self.image, "address": address, "port": str(PORT), "tls": self._tls()}

    def _tls(self) -> str:
        files = " ".join(f"--tls-{key} {self.folder}/{file}" for key, file in _FILES)
        # without it, a scheduler with the image's Python loses workers whenever a connection breaks
        return f"--preload highrate.relay.openssl_errors {files}"

    def _write(self, name: str, text: str) -> None:
        script = f"umask 077; mkdir -p {self.folder}; cat > {self.folder}/{name}"
        self.site.machine.run(["sh", "-c", script], user=PILOT, stdin=text)


_FILES = (("ca-file", "ca.pem"), ("cert", "cert.pem"), ("key", "key.pem"))


@contextlib.contextmanager
def plain_cluster(site: Site, image: str) -> Iterator[PlainCluster]:
    """With a scheduler that runs; it and all jobs end with the block."""
    made = PlainCluster(site, image, f"/home/{PILOT}/plain-{uuid.uuid4().hex[:8]}")
    made.certificates()
    scheduler = subprocess.Popen(made.scheduler(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        # the first to read an image waits for the disk
        site.machine.run(made.inside(["python", "-c", "import distributed.cli.dask_worker"]), user=PILOT)
        yield made
    finally:
        scheduler.kill()
        scheduler.wait(30)
        made.remove()
