"""Registry credentials for the images that the job may have to pull, out of the pod's imagePullSecrets.

For each image those of all matching entries are tried, the most specific one first, by the rules of a kubelet's keyring:
`host[:port][/path]`, stars for parts of the host, the path a prefix. Only what an image needs reaches the job, as files that the
pull alone is told of.
"""

import base64
import binascii
import json
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Any, Final, NamedTuple

from interlink.protocol.types import JsonObject

from condor_sidecar.core.compile.images import DOCKER_HUB
from condor_sidecar.job.supervisor import plan as job
from condor_sidecar.model.plan import PayloadFile

HUB_KEY: Final = "https://index.docker.io/v1/"  # under which clients look for Docker Hub's


class Login(NamedTuple):
    """An entry of a Secret: the host (with its port) and the path that it is for, and the entry's content."""

    host: str
    path: str
    entry: JsonObject


def with_logins(
    containers: Sequence[job.Container], secrets: Sequence[JsonObject], complaints: list[str]
) -> tuple[list[job.Container], list[PayloadFile]]:
    """The containers, their images pointing to the payload's files of credentials."""
    logins = [login for secret in secrets for login in _logins(secret, complaints)]
    logins.sort(key=lambda login: -len(login.host + login.path))
    files: dict[bytes, PayloadFile] = {}
    made = []
    for container in containers:
        auths = []
        for content in _auth_files(container.image.pull, logins):
            file = files.setdefault(content, PayloadFile(f"{job.REGISTRY}/{len(files)}.json", content, 0o600))
            auths.append(file.path)
        made.append(container._replace(image=container.image._replace(auths=auths)))
    return made, list(files.values())


def _logins(secret: JsonObject, complaints: list[str]) -> Iterator[Login]:
    name = (secret.get("metadata") or {}).get("name", "")
    try:
        data = secret.get("data") or {}
        if ".dockerconfigjson" in data:
            entries = json.loads(base64.b64decode(data[".dockerconfigjson"], validate=True)).get("auths") or {}
        else:
            entries = json.loads(base64.b64decode(data.get(".dockercfg", "e30="), validate=True))
        for key, entry in entries.items():
            yield Login(*_place(key), _only_login(entry))
    except (ValueError, TypeError, AttributeError, binascii.Error):
        # nothing of the content: it is secret
        complaints.append(f'Secret "{name}" holds no registry credentials that can be read (imagePullSecrets)')


def _place(key: str) -> tuple[str, str]:
    host, _, path = key.removeprefix("https://").removeprefix("http://").partition("/")
    path = path.removeprefix("v1/").removeprefix("v2/").strip("/")
    host = host.lower()
    return (DOCKER_HUB[0] if host in DOCKER_HUB else host), ("" if path in ("v1", "v2") else path)


def _only_login(entry: dict[str, Any]) -> JsonObject:
    """The part of an entry that logs in; user and password become the one field that every client reads."""
    if entry.get("username"):
        pair = f"{entry['username']}:{entry.get('password', '')}"
        return {"auth": base64.b64encode(pair.encode()).decode()}
    return {key: str(entry[key]) for key in ("auth", "identitytoken", "registrytoken") if entry.get(key)}


def _auth_files(pull: str, logins: Sequence[Login]) -> list[bytes]:
    """Docker-style files, each with one of the logins for what is pulled, in the order in which they are to be tried."""
    if not pull:
        return []
    registry, _, repository = pull.partition("://")[2].partition("/")
    host = DOCKER_HUB[0] if registry in DOCKER_HUB else registry
    key = HUB_KEY if host == DOCKER_HUB[0] else registry
    found = [login.entry for login in logins if login.entry and _matches(login, host, repository)]
    return list(dict.fromkeys(json.dumps({"auths": {key: entry}}).encode() for entry in found))


def _matches(login: Login, host: str, repository: str) -> bool:
    wanted, given = login.host.split("."), host.lower().split(".")
    hosts = len(wanted) == len(given) and all(fnmatchcase(part, glob) for part, glob in zip(given, wanted, strict=True))
    return hosts and (not login.path or repository == login.path or repository.startswith(f"{login.path}/"))
