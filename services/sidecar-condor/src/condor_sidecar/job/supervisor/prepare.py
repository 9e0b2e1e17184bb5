"""Makes ready all that a container needs to start; runs beside the main loop, since images can take their time."""

import os
from typing import List, Mapping, NamedTuple, Optional, Tuple

from . import apptainer, launcher, mounts, network_files, rootfs, start_folder
from .command import NoCommand, Process, encoded, process
from .identity import NoUser, identity
from .images import Images, NoImage, Tell, Unpacked
from .plan import Container, Dns, Pod, with_address
from .sandbox import START, Sandbox
from .volume_files import remove_tree

SELINUX = "/sys/fs/selinux/enforce"


class Launch(NamedTuple):
    """How a container is started, and where it leaves what happened."""

    argv: List[str]
    command: str
    image_id: str
    folder: str  # that it starts from
    overlay: str  # what it writes to its root; empty if it can't
    env: List[Tuple[str, str]]
    work_dir: str
    tries: int  # paths that the command is looked for at
    user: Optional[launcher.User] = None

    @property
    def status_file(self) -> str:
        """Where the launcher notes what happened."""
        return os.path.join(self.folder, start_folder.STATUS)

    @property
    def message_file(self) -> str:
        """Where the container leaves its last word."""
        return os.path.join(self.folder, start_folder.MESSAGE)


class CannotStart(Exception):
    """The container can't be started: `reason` as a kubelet names it, the text for the user."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Machine(NamedTuple):
    """What the supervisor knows of the worker node."""

    program: str
    processor: str
    address: str
    hosts: str
    environment: Mapping[str, str]


def prepare(pod: Pod, container: Container, sandbox: Sandbox, images: Images, machine: Machine, tell: Tell) -> Launch:
    """All ready to run `container`; `tell` gets what happens to its image. Raises CannotStart."""
    container = with_address(container, machine.address or "127.0.0.1")  # as in /etc/hosts
    if container.labelled and os.path.exists(SELINUX):
        raise CannotStart("CreateContainerError", "this machine has SELinux, whose labels a job can't choose")
    try:
        image = images.get(container.image, tell)
        binds = mounts.binds(pod, container, sandbox)
        return _lay_out(pod, container, sandbox, machine, image, binds)
    except NoImage as error:
        raise CannotStart(error.reason, str(error)) from error
    except (mounts.BadMount, NoUser) as error:
        raise CannotStart("CreateContainerConfigError", str(error)) from error
    except (NoCommand, launcher.UnknownMachine, rootfs.PathLoop, OSError) as error:
        raise CannotStart("CreateContainerError", str(error)) from error


def _lay_out(
    pod: Pod, container: Container, sandbox: Sandbox, machine: Machine, image: Unpacked, binds: List[mounts.Bind]
) -> Launch:
    folder = os.path.join(sandbox.containers, container.name)
    remove_tree(folder)  # of the run before, or of a try that failed
    start = os.path.join(folder, START)
    start_folder.make(start)
    overlay, own, layers = "", [], [image.root]
    if not container.read_only_root:
        overlay = os.path.join(folder, "overlay")
        for number, path in enumerate(rootfs.prepare_upper(image.root, os.path.join(overlay, "upper"))):
            own.append(mounts.Bind(os.path.join(folder, "empty-%d" % number), path, False))
            os.mkdir(own[-1].source)
        os.makedirs(os.path.join(overlay, "work"))
        layers = [os.path.join(overlay, "upper"), image.root]
    gpu_env = mounts.gpu_environment(machine.environment) if container.gpu else {}
    passwd = _text(image.root, "/etc/passwd")
    user = identity(pod, container, image.config, passwd, _text(image.root, "/etc/group"))
    target = process(container, image.config, pod.hostname, passwd, gpu_env)
    binds = mounts.placed(layers, binds)
    work_dir = rootfs.resolve(layers, target.work_dir)
    if not mounts.work_dir_in_volume(work_dir, binds) and overlay:
        rootfs.ensure_directory(layers, work_dir)
    _write_launcher(container, target, user, machine, start)
    hosts = os.path.join(folder, "hosts")
    with open(hosts, "w", encoding="utf-8") as file:
        file.write(network_files.hosts_file(pod, machine.hosts, machine.address))
    own.append(mounts.Bind(hosts, "/etc/hosts", False))
    if pod.dns is not None:
        own.append(mounts.Bind(_resolv_conf(pod.dns, folder), "/etc/resolv.conf", False))
    if not container.message_path.startswith("/dev/"):
        own.append(mounts.Bind(os.path.join(start, start_folder.MESSAGE), container.message_path, False))
    own = [bind for bind in own if bind.path not in [other.path for other in binds]]
    return Launch(
        apptainer.command(
            machine.program,
            image.root,
            overlay,
            own + binds + start_folder.binds(start),
            pod.hostname,
            work_dir,
            container.gpu,
            mounts.START_FOLDER + "/" + start_folder.LAUNCHER,
            pod.runtime_options,
        ),
        target.argv[0],
        image.image_id,
        start,
        overlay,
        target.env,
        work_dir,
        len(target.paths),
        user,
    )


def _resolv_conf(dns: Dns, folder: str) -> str:
    path = os.path.join(folder, "resolv.conf")
    with open(path, "w", encoding="utf-8") as file:
        file.write(network_files.resolv_conf(dns, _text("/", "/etc/resolv.conf")))
    return path


def _write_launcher(
    container: Container, target: Process, user: Optional[launcher.User], machine: Machine, folder: str
) -> None:
    message, status = (
        ("%s/%s" % (mounts.START_FOLDER, name)).encode("ascii") for name in (start_folder.MESSAGE, start_folder.STATUS)
    )
    links = []
    if container.message_path.startswith("/dev/"):  # nothing can be mounted below /dev, but links can be made there
        links = [(message, container.message_path.encode("utf-8"))]
    program = launcher.build(
        machine.processor,
        status,
        encoded(target.paths),
        encoded(target.argv),
        encoded(["%s=%s" % pair for pair in target.env]),
        links,
        user,
    )
    start_folder.create(os.path.join(folder, start_folder.LAUNCHER), program, 0o500)


def _text(root: str, path: str) -> str:
    """A file of the image; "" if it has none."""
    try:
        with open(rootfs.find([root], path), encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except OSError:
        return ""
