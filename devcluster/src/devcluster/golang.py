"""Programs that no package holds, built from pinned Go modules and cached by what they are built from.

The host's Go is used if it is new enough, else Debian's inside a root file system. Module versions and checksums are pinned in
devcluster/go/<name>/go.mod and go.sum; where modules come from (GOPROXY and friends) is the host's business.
"""

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from devcluster import rootfs
from devcluster.build_environment import certificate_binds, passed_on
from devcluster.commands import run
from devcluster.machine import Bind, Machine, running
from devcluster.paths import Checkout, content_key
from devcluster.steps import StepLog

OLDEST_GO = (1, 24)
# Without what a debugger needs, which the linker would drop anyhow: a sixth of the time.
_FLAGS = ("-trimpath", "-buildvcs=false", "-modcacherw", "-mod=readonly", "-gcflags=all=-dwarf=false")
_SETTINGS = ("GOPROXY", "GOSUMDB", "GONOSUMDB", "GONOPROXY", "GOPRIVATE", "GOINSECURE")


@dataclass(frozen=True)
class GoProgram:
    """A folder with go.mod, and what to build of it. ``ldflags`` stamp versions into the programs.

    ``tests`` are packages whose tests become a program: of ``a/b`` one that is called b.test.
    """

    name: str
    folder: Path
    packages: tuple[str, ...]
    outputs: tuple[str, ...]
    ldflags: str = ""
    tests: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        sources = sorted(place for place in self.folder.iterdir() if place.suffix in (".go", ".mod", ".sum"))
        contents = [part for place in sources for part in (place.name, place.read_bytes())]
        return content_key(os.uname().machine, self.ldflags, *self.packages, *self.tests, *contents)

    def path(self, cache: Path) -> Path:
        """The folder of the finished programs."""
        return cache / "programs" / f"{self.name}-{self.key}"


def ensure(program: GoProgram, checkout: Checkout, cache: Path, log: StepLog) -> Path:
    """The folder with the built programs. Raises CommandFailed."""
    place = program.path(cache)
    if place.is_dir():
        return place
    partial = place.with_name(f"{place.name}.{checkout.id}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    host_go = find_go()
    if host_go is not None:
        log.note("compiling")
        for argv in _commands(host_go, program, partial):
            log.run(argv, env={**os.environ, **_environment(cache)}, cwd=program.folder)
    else:
        _build_in_debian(program, partial, checkout, cache, log)
    if place.is_dir():  # another checkout was faster
        shutil.rmtree(partial)
    else:
        partial.rename(place)
    return place


def find_go(environ: Mapping[str, str] = os.environ) -> str | None:
    """The host's Go, if it is new enough: from PATH or where the upstream archive is unpacked by habit."""
    for candidate in (shutil.which("go", path=environ.get("PATH")), "/usr/local/go/bin/go"):
        if candidate and Path(candidate).exists():
            version = parse_version(run([candidate, "version"], check=False).stdout)
            if version and version >= OLDEST_GO:
                return candidate
    return None


def parse_version(text: str) -> tuple[int, int] | None:
    """(1, 26) of ``go version go1.26.8 linux/amd64``."""
    found = re.search(r"\bgo(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else None


def _commands(go: str, program: GoProgram, out: Path) -> list[list[str]]:
    options = [*_FLAGS, f"-ldflags={f'-s -w {program.ldflags}'.strip()}", "-o", f"{out}/"]
    # `nice`: a build of minutes runs beside steps that somebody waits for.
    commands = [["nice", go, "build", *options, *program.packages]] if program.packages else []
    # Others' tests were vetted by others.
    return commands + [["nice", go, "test", "-c", "-vet=off", *options, package] for package in program.tests]


def _environment(cache: Path) -> dict[str, str]:
    return {
        "CGO_ENABLED": "0",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
        "GOFLAGS": "",
        "GOMODCACHE": str(cache / "go-mod"),
        "GOCACHE": str(cache / "go-build"),
        # the compiler collects its garbage more seldom, for a few hundred megabytes: another sixth
        "GOGC": "400",
    }


def _build_in_debian(program: GoProgram, out: Path, checkout: Checkout, cache: Path, log: StepLog) -> None:
    log.note("making a Debian tree with Go")
    tree = rootfs.ensure(rootfs.GOLANG, cache, log.path)
    folders: Sequence[Path] = (cache / "go-mod", cache / "go-build", out)
    binds = [Bind(folder, str(folder)) for folder in folders]
    binds += [Bind(program.folder, str(program.folder), read_only=True), *certificate_binds()]
    machine = Machine(checkout, f"golang-{program.name}", tree, "golang", binds=tuple(binds))
    with running(machine):
        log.note("compiling")
        env = {**_environment(cache), **passed_on(_SETTINGS)}
        for argv in _commands("go", program, out):
            machine.run_logged(["env", f"--chdir={program.folder}", *argv], log.path, env=env)
