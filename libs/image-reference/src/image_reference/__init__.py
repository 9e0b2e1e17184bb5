"""References of container images, by the grammar of the distribution project.

`[registry/]repository[:tag][@digest]`. What doesn't match as a whole is no reference: a trailing newline or a space would reach a
pod's specification otherwise. The hub and the Dask gateway read references here: an image that somebody may start is one that their
workers may run.
https://github.com/distribution/reference/blob/v0.6.0/reference.go
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_REGISTRY = rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]{{1,5}})?"
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_PATTERN = re.compile(
    rf"(?:(?P<registry>{_REGISTRY})/)?(?P<repository>{_COMPONENT}(?:/{_COMPONENT})*)"
    r"(?::(?P<tag>[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127}))?"
    r"(?:@(?P<digest>sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128}))?"
)
_LONGEST_NAME = 255
_LONGEST = 600
_HTTPS = 443
_DOCKER_HUB = "docker.io"


@dataclass(frozen=True)
class ImageReference:
    """The parts of a reference as they mean: `python:3.13` is in the registry docker.io, as library/python."""

    registry: str
    repository: str
    tag: str = ""
    digest: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ValueError with a sentence."""
        # the length first: it bounds what the pattern has to try
        found = _PATTERN.fullmatch(text) if len(text) <= _LONGEST else None
        if found is None:
            shown = text if len(text) <= 80 else f"{text[:77]}..."
            raise ValueError(f"{shown!r} is no image reference; write registry/project/name:tag")
        registry, repository = found["registry"] or "", found["repository"]
        # the first part is a registry only if it looks like a host; `jovyan/base` is a repository of Docker Hub
        if registry and not (
            "." in registry or ":" in registry or registry == "localhost" or registry != registry.lower()
        ):
            repository, registry = f"{registry}/{repository}", ""
        if len(f"{registry}/{repository}") > _LONGEST_NAME:
            raise ValueError(f"the image's name has more than {_LONGEST_NAME} characters: {repository[:60]!r}...")
        registry = _canonical(registry) if registry else _DOCKER_HUB
        if registry == _DOCKER_HUB and "/" not in repository:
            repository = f"library/{repository}"
        return cls(registry, repository, found["tag"] or "", found["digest"] or "")

    @property
    def moves(self) -> bool:
        """Whether the same reference may well be another image tomorrow."""
        return not self.digest and self.tag in ("", "latest")

    @property
    def place(self) -> tuple[str, str]:
        """Registry and repository: what all versions of an image share."""
        return self.registry, self.repository

    def lies_in(self, places: Iterable[str]) -> bool:
        """Whether it comes from one of `places`, each a registry or a registry with the first parts of a path."""
        path = [self.registry, *self.repository.split("/")]
        for place in places:
            host, *parts = place.strip("/").split("/")
            wanted = [_canonical(host), *parts]
            if path[: len(wanted)] == wanted:
                return True
        return False

    def __str__(self) -> str:
        return (
            f"{self.registry}/{self.repository}"
            + (f":{self.tag}" if self.tag else "")
            + (f"@{self.digest}" if self.digest else "")
        )


def _canonical(registry: str) -> str:
    """The one way to write a registry, since who may start an image is asked by its place: names of hosts have no case, and 443 is
    asked where no port is named.

    A name without a dot keeps its port: by that alone it is a registry, and not the first part of a repository.
    """
    host, colon, port = registry.lower().rpartition(":")
    if not colon or not port.isdecimal():
        host, port = registry.lower(), "" if registry.lower() == "localhost" else "443"
    if port and (int(port) != _HTTPS or not ("." in host or ":" in host)):
        host = f"{host}:{int(port)}"
    return _DOCKER_HUB if host == "index.docker.io" else host
