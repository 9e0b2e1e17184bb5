"""Where the worker node looks for an image, and what it pulls if there is none.

Publishers of unpacked images use one of a few layouts below their root: the name as written, the name with its registry, or, for
Docker Hub, the name without one. All are tried, in that order, in every root of the policy.
"""

import posixpath
import re
from typing import Final

from condor_sidecar.core.compile.node import Node
from condor_sidecar.core.policy import ImagePolicy
from condor_sidecar.job.supervisor.plan import Image

REFERENCE: Final = re.compile(
    r"(?:(?P<registry>(?:(?:[a-zA-Z0-9-]+\.)+[a-zA-Z0-9-]+|\[[0-9a-fA-F:]+\])(?::[0-9]+)?|[a-zA-Z0-9-]+:[0-9]+|localhost)/)?"
    r"(?P<repository>[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*)"
    r"(?::(?P<tag>\w[\w.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}))?",
    re.ASCII,
)
DOCKER_HUB: Final = ("docker.io", "registry.hub.docker.com", "index.docker.io", "registry-1.docker.io")
NOTHING: Final = Image("", [])


def image(node: Node, policy: ImagePolicy) -> Image:
    """The image that the field `node` names."""
    name = node.text()
    if not name:
        node.reject("a container needs an image: name one")
    elif name.startswith("/"):
        return _path(node, name, policy)
    elif name.startswith("oras://"):
        return _from_registry_only(node, name, policy)
    elif found := REFERENCE.fullmatch(name.removeprefix("docker://")):
        return _named(node, name, found, policy)
    else:
        node.reject(f'image "{name}" is neither an image name nor an absolute path: correct it')
    return NOTHING


def _path(node: Node, name: str, policy: ImagePolicy) -> Image:
    path = posixpath.normpath(name)
    if not any(path.startswith(prefix.rstrip("/") + "/") for prefix in policy.path_prefixes):
        allowed = ", ".join(policy.path_prefixes) or "nowhere"
        node.reject(f'image "{name}" lies outside of what this site offers as unpacked images: use a path in {allowed}')
        return NOTHING
    return Image(name, [path])


def _from_registry_only(node: Node, name: str, policy: ImagePolicy) -> Image:
    if REFERENCE.fullmatch(name.removeprefix("oras://")) is None:
        node.reject(f'image "{name}" is not an image name: correct it')
    elif not policy.docker_fallback:
        node.reject(f'image "{name}" would have to be pulled, which this site doesn\'t do: use an unpacked image')
    else:
        return Image(name, [], name)
    return NOTHING


def _named(node: Node, name: str, found: re.Match[str], policy: ImagePolicy) -> Image:
    registry, repository = found["registry"] or DOCKER_HUB[0], found["repository"]
    version = f"@{found['digest']}" if found["digest"] else f":{found['tag'] or 'latest'}"
    names = [f"{registry}/{repository}{version}"] if found["registry"] else []
    full = repository
    if registry in DOCKER_HUB:
        full = repository if "/" in repository else f"library/{repository}"
        names += [f"{repository}{version}", *(f"{host}/{full}{version}" for host in DOCKER_HUB[:2]), f"{full}{version}"]
    candidates = [f"{root.rstrip('/')}/{each}" for root in policy.unpacked_roots for each in dict.fromkeys(names)]
    pull = f"docker://{registry}/{full}{version}" if policy.docker_fallback else ""
    if not candidates and not pull:
        node.reject(f'image "{name}" can\'t be had: this site has no unpacked images and pulls none; use a path')
    return Image(name, candidates, pull)
