"""How Apptainer is called. Everything of the user's in its argument list is a path; the rest is in the launcher (launcher.py)."""

import shutil
from typing import Dict, List, Optional, Sequence

from .mounts import Bind

# HTCondor gives a job no PATH; the last is for sites that have Apptainer only in CVMFS
PLACES = "/usr/local/bin:/usr/bin:/bin:/cvmfs/oasis.opensciencegrid.org/mis/apptainer/bin"
PROGRAMS = ("apptainer", "singularity")


def find_program(environment: Dict[str, str]) -> Optional[str]:
    """The container runtime of this machine."""
    search = environment.get("PATH", "") + ":" + PLACES
    return next((found for found in (shutil.which(name, path=search) for name in PROGRAMS) if found), None)


def environment(folder: str, own: Dict[str, str]) -> Dict[str, str]:
    """Apptainer's own environment: nothing of the site's but proxies, all its files in `folder`."""
    env = {"PATH": PLACES + ":/usr/sbin:/sbin", "HOME": folder, "LANG": "C.UTF-8"}
    for kind in ("APPTAINER_", "SINGULARITY_"):
        env.update({kind + "CACHEDIR": folder, kind + "CONFIGDIR": folder, kind + "TMPDIR": folder})
    env.update(
        {name: value for name, value in own.items() if name.lower() in ("http_proxy", "https_proxy", "no_proxy")}
    )
    return env


def command(
    program: str,
    root: str,
    overlay: str,
    binds: List[Bind],
    hostname: str,
    work_dir: str,
    gpu: str,
    launcher: str,
    options: Sequence[str] = (),
) -> List[str]:
    """The argument list that runs `launcher` in the image unpacked at `root`; an empty `overlay` leaves the root read-only.

    The container has its own process ids (its program is number 1, as under a kubelet), IPC and host name; it shares the machine's
    network.
    """
    argv = [program, "--silent", "exec", "--contain", "--cleanenv", "--no-eval", "--no-home", "--no-umask"]
    argv += ["--pid", "--ipc", "--no-init", "--no-mount", "tmp,home,cwd,bind-paths", "--bind", "/dev/full"]
    argv += {"nvidia": ["--nv"], "amd": ["--rocm"]}.get(gpu, [])
    argv += ["--overlay", overlay] if overlay else []
    argv += ["--hostname", hostname, "--pwd", work_dir]
    for bind in binds:
        argv += ["--mount", mount_option(bind)]
    return [*argv, *options, root, launcher]


def mount_option(bind: Bind) -> str:
    """One `--mount` value: CSV as RFC 4180 has it, so that commas, colons and quotes in paths are no trouble."""
    fields = ["type=bind", "source=" + bind.source, "destination=" + bind.path]
    return ",".join('"%s"' % field.replace('"', '""') for field in fields) + (",ro" if bind.read_only else "")
