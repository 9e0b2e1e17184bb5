"""What a container runs: Kubernetes' rules for command, args and the image's entrypoint, and the whole environment."""

from typing import Dict, List, Mapping, NamedTuple, Sequence, Tuple

from .image_config import DEFAULT_PATH, ImageConfig
from .plan import Container

TERMINAL = "xterm"  # what container runtimes call the terminals that they give
GPU_LIBRARIES = "/.singularity.d/libs"  # where Apptainer puts the driver's libraries with --nv and --rocm


class NoCommand(Exception):
    """Neither the pod nor the image says what to run."""


class Process(NamedTuple):
    """The arguments, environment and working directory of a container's first process, and where its program may be."""

    argv: List[str]
    env: List[Tuple[str, str]]
    work_dir: str
    paths: List[str]


def process(
    container: Container, image: ImageConfig, hostname: str, passwd: str, gpu_env: Mapping[str, str]
) -> Process:
    """The process that `container` starts with, in an image whose /etc/passwd is `passwd`. Raises NoCommand."""
    command = container.command or image.entrypoint
    args = container.args or ([] if container.command else image.command)
    if not command + args:
        raise NoCommand("no command specified: the pod names none and the image has no entrypoint")
    env = environment(container, image, hostname, passwd, gpu_env)
    argv = command + args
    return Process(argv, list(env.items()), container.work_dir or image.work_dir or "/", paths(argv[0], env))


def environment(
    container: Container, image: ImageConfig, hostname: str, passwd: str, gpu_env: Mapping[str, str]
) -> Dict[str, str]:
    """The runtime's defaults, then the image's variables, then the pod's; a later one replaces an earlier in its place."""
    env = {"PATH": DEFAULT_PATH, **({"TERM": TERMINAL} if container.tty else {}), "HOSTNAME": hostname}
    env.update(gpu_env)
    env.update(image.env)
    env.update(container.env)
    env.setdefault("HOME", home(passwd, image.user if container.user is None else str(container.user)))
    if container.gpu:
        known = env.get("LD_LIBRARY_PATH")
        env["LD_LIBRARY_PATH"] = known + ":" + GPU_LIBRARIES if known else GPU_LIBRARIES
    return env


def home(passwd: str, user: str) -> str:
    """The home directory that /etc/passwd gives a user (a name or a number, root if unset), `/` if it has none."""
    wanted = user.partition(":")[0] or "0"
    for line in passwd.splitlines():
        fields = line.split(":")
        if len(fields) >= 6 and wanted in (fields[0], fields[2]):
            return fields[5] or "/"
    return "/"


def paths(program: str, env: Mapping[str, str]) -> List[str]:
    """Where to look for `program`: each directory of PATH, or just there if it holds a slash. Never empty: "" is found nowhere."""
    if "/" in program or not program:
        return [program]
    return [folder.rstrip("/") + "/" + program for folder in env["PATH"].split(":") if folder] or [""]


def encoded(texts: Sequence[str]) -> List[bytes]:
    """Text as the bytes that the pod's JSON or the image's files had."""
    return [text.encode("utf-8", "surrogateescape") for text in texts]
