"""The contract, rule by rule: pure functions of an image. Each finding says what is wrong and what to do."""

import posixpath
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass

from highrate.image_check import contract
from highrate.image_check.tree import Configuration, Files, Image, folders_above, real_path

_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_DISTRIBUTION = re.compile(r"(.+)-([^-]+)\.dist-info")


@dataclass(frozen=True)
class Finding:
    """A broken rule."""

    what: str
    remedy: str


def check(image: Image, *, offload: bool | None = None, home: str = contract.HOME) -> list[Finding]:
    """Everything that is wrong with it, on a platform that mounts homes at `home`. ``offload`` None: as its label says."""
    if offload is None:
        offload = image.configuration is not None and image.configuration.labels.get(contract.OFFLOAD_LABEL) == "true"
    findings = [
        *_programs(image, offload=offload),
        *_home(image, home),
        *_mount_points(image),
        *_privileges(image.files),
    ]
    if image.configuration is not None:
        findings += [*_entrypoint(image.configuration), *_labels(image.configuration, offload=offload)]
    return findings


def _programs(image: Image, *, offload: bool) -> Iterator[Finding]:
    program = _on_path(image, contract.SINGLEUSER)
    if program is None:
        yield Finding(
            f"{contract.SINGLEUSER} is not on PATH: the hub couldn't start a session",
            f"install jupyterhub {contract.SESSION_PACKAGES['jupyterhub']}, and set PATH with ENV",
        )
        return
    yield from _readable(image.files, program)
    wanted = {**contract.SESSION_PACKAGES, **(contract.OFFLOAD_PACKAGES if offload else {}), contract.CLIENT: ""}
    prefix = posixpath.dirname(posixpath.dirname(program))
    there = packages(image.files, prefix)
    for name, begin in wanted.items():
        version = there.get(name)
        if version is None:
            yield Finding(f"there is no Python package {name} in {prefix}", _install(name, begin))
        elif not _begins(version, begin):
            yield Finding(f"the Python package {name} is {version}, the platform's is {begin}", _install(name, begin))


def packages(files: Files, prefix: str) -> dict[str, str]:
    """Names and versions of the Python packages below an environment's top folder."""
    found = {}
    for python in files.inside(f"{prefix}/lib"):
        if python.startswith("python3"):
            for entry in files.inside(f"{prefix}/lib/{python}/site-packages"):
                named = _DISTRIBUTION.fullmatch(entry)
                if named:
                    found[re.sub(r"[-_.]+", "-", named[1]).lower()] = named[2]
    return found


def _home(image: Image, mounted: str) -> Iterator[Finding]:
    configuration = image.configuration
    home = configuration.environment.get("HOME", mounted) if configuration else mounted
    if home != mounted:
        yield Finding(f"HOME is {home}, the home is mounted at {mounted}", f"ENV HOME={mounted}")
    real = real_path(image.files, mounted)
    found = image.files.at(real) if real else None
    if found is None or not found.is_folder or not found.mode & stat.S_IWOTH:
        yield Finding(
            f"{mounted} is no folder that every user may write: at a site, whoever runs the image is another one",
            f"RUN install -d -m 1777 {mounted}",
        )


def _mount_points(image: Image) -> Iterator[Finding]:
    missing = [place for place in contract.MOUNT_POINTS if real_path(image.files, place) is None]
    if missing:
        yield Finding(
            f"there is no {' and no '.join(missing)}: some sites' container runtimes can't make mount points",
            f"RUN mkdir -p {' '.join(missing)}",
        )


def _privileges(files: Files) -> Iterator[Finding]:
    for folder in ("/usr/local/bin", "/usr/local/sbin", "/usr/bin", "/usr/sbin", "/bin", "/sbin"):
        for name in contract.PRIVILEGED:
            found = files.at(f"{folder}/{name}")
            if found is not None and not found.target and found.mode & stat.S_ISUID:
                yield Finding(
                    f"{folder}/{name} is set-user-id: nobody becomes root in a session",
                    f"remove the package, or RUN chmod u-s {folder}/{name}",
                )


def _entrypoint(configuration: Configuration) -> Iterator[Finding]:
    words = configuration.entrypoint
    wanted = f'ENTRYPOINT ["tini", "--", "{contract.SESSION[0]}", "{contract.SESSION[1]}"]'
    if not words or posixpath.basename(words[0]) not in contract.INITS:
        yield Finding("the entrypoint doesn't begin with an init such as tini: ended programs would pile up", wanted)
    names = [posixpath.basename(word) for word in words]
    if tuple(names[-len(contract.SESSION) :]) != contract.SESSION:
        yield Finding(
            f"the entrypoint doesn't end with `{' '.join(contract.SESSION)}`: nothing would keep the token fresh",
            wanted,
        )


def _labels(configuration: Configuration, *, offload: bool) -> Iterator[Finding]:
    wanted = {contract.LABEL: contract.VERSION, **({contract.OFFLOAD_LABEL: "true"} if offload else {})}
    for name, value in wanted.items():
        found = configuration.labels.get(name)
        if found != value:
            said = f'is "{found}"' if found is not None else "is missing"
            yield Finding(f"the label {name} {said}", f'LABEL {name}="{value}"')


def _readable(files: Files, program: str) -> Iterator[Finding]:
    """Any user may run it: the file itself, and every folder on the way."""
    closed = [
        path
        for path in (*folders_above(program), program)
        if (found := files.at(path)) is not None and not found.mode & stat.S_IXOTH
    ]
    if closed:
        yield Finding(
            f"only some users may run {program}: {closed[0]} is closed to others",
            f"RUN chmod -R o+rX {closed[0]}, or install it elsewhere, such as below /opt",
        )


def _on_path(image: Image, name: str) -> str | None:
    environment = image.configuration.environment if image.configuration else {}
    candidates = (f"{folder}/{name}" for folder in environment.get("PATH", _DEFAULT_PATH).split(":") if folder)
    return next((real for path in candidates if (real := real_path(image.files, path))), None)


def _begins(version: str, begin: str) -> bool:
    return not begin or version == begin or version.startswith(f"{begin}.")


def _install(name: str, begin: str) -> str:
    return (
        f"RUN pip install '{name}=={begin}.*'" if begin else f"install the wheel of {name} that the platform publishes"
    )
