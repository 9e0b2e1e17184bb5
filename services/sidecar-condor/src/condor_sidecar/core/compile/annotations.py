"""The pod's annotations that are meant for this endpoint, and what they change of the site's policy and the job.

A site says which may be used (`policy.user_annotations`). Their values choose among what the operator wrote down, or are names and
numbers of known shape: none of them is text that HTCondor or a shell would interpret.
"""

import posixpath
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Final

from condor_sidecar.core.compile import quantity
from condor_sidecar.core.compile.node import Node
from condor_sidecar.core.policy import Policy

PREFIX: Final = "htcondor-job.vk.io/"
OTHER_NAMES: Final = {"htcondor-job.knoc.io/image-root": "image-root"}  # of peers that pods were written for

GROUP: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@-]{0,127}")
GPU_MODEL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._/()-]{0,127}")

# interLink's own keys that ask every plugin to run commands of the user's or of its network mesh outside of the containers
COMMANDS: Final = ("slurm-job.vk.io/pre-exec", "interlink.eu/wstunnel-client-commands", PREFIX + "pre-exec")
ONCE: Final = PREFIX + "restart-on-evict"


@dataclass(frozen=True, slots=True)
class Asked:
    """What the annotations say. `policy` is the site's with what they choose of it; `requirements` are the operator's expressions;
    `runtime_options` words of Apptainer's."""

    policy: Policy
    wall_time: Node
    disk: Decimal = Decimal(0)
    gpu_model: str = ""
    accounting_group: str = ""
    requirements: tuple[str, ...] = ()
    runtime_options: tuple[str, ...] = ()
    legacy_quoting: bool = False


def read(metadata: Node, policy: Policy) -> Asked:
    """What the annotations that the policy allows say; complains about the others."""
    asked = Asked(policy, Node(None, "", []))
    for key, node in metadata["annotations"].entries():
        name = OTHER_NAMES.get(key) or key.removeprefix(PREFIX)
        if key in COMMANDS and node.given:
            node.reject(
                "nothing is run outside of the pod's containers at this site: remove the annotation, and use an init container"
            )
        elif key == ONCE and node.given:
            node.reject("a pod runs at most once at this site: leave it to a Job to make a new one")
        elif key not in OTHER_NAMES and not key.startswith(PREFIX):
            continue
        elif name not in READERS:
            node.reject(f'annotation "{key}" is not known to this endpoint: remove it')
        elif name not in policy.user_annotations:
            node.reject(f'annotation "{key}" may not be used at this site: remove it')
        else:
            asked = READERS[name](node, asked)
    return asked


def _wall_time(node: Node, asked: Asked) -> Asked:
    return replace(asked, wall_time=node)


def _disk(node: Node, asked: Asked) -> Asked:
    try:
        return replace(asked, disk=quantity.parse(node.text()))
    except ValueError as error:
        node.reject(str(error))
        return asked


def _gpu_model(node: Node, asked: Asked) -> Asked:
    if not GPU_MODEL.fullmatch(node.text()):
        node.reject(f'"{node.text()}" is not the name of a GPU: write it as condor_status shows it (DeviceName)')
        return asked
    return replace(asked, gpu_model=node.text())


def _accounting_group(node: Node, asked: Asked) -> Asked:
    group, allowed = node.text(), asked.policy.accounting_groups
    if not GROUP.fullmatch(group) or not any(fnmatchcase(group, glob) for glob in allowed):
        node.reject(
            f'accounting group "{group}" may not be used (this site allows: {_listed(allowed)}): choose another'
        )
        return asked
    return replace(asked, accounting_group=group)


def _requirements(node: Node, asked: Asked) -> Asked:
    return replace(asked, requirements=tuple(_chosen(node, asked.policy.requirements)))


def _runtime_options(node: Node, asked: Asked) -> Asked:
    allowed = {option: option for option in asked.policy.apptainer_options}
    return replace(asked, runtime_options=tuple(_chosen(node, allowed)))


def _chosen(node: Node, table: Mapping[str, str]) -> list[str]:
    """The table's values for the names in the text, which blanks or commas part."""
    names = node.text().replace(",", " ").split()
    for name in names:
        if name not in table:
            node.reject(f'"{name}" is not among what this site offers here ({_listed(table)}): remove it')
    return [table[name] for name in dict.fromkeys(names) if name in table]


def _image_root(node: Node, asked: Asked) -> Asked:
    images, path = asked.policy.images, posixpath.normpath(node.text() or ".")
    if not any(f"{path}/".startswith(f"{prefix.rstrip('/')}/") for prefix in images.path_prefixes):
        node.reject(
            f'"{path}" is not below what this site has of unpacked images ({_listed(images.path_prefixes)}): correct it'
        )
        return asked
    roots = (path, *(root for root in images.unpacked_roots if root != path))
    return replace(asked, policy=replace(asked.policy, images=replace(images, unpacked_roots=roots)))


def _keep_token(node: Node, asked: Asked) -> Asked:
    keep = _either(node, "true", "false") or asked.policy.keep_service_account_token
    return replace(asked, policy=replace(asked.policy, keep_service_account_token=keep))


def _quoting(node: Node, asked: Asked) -> Asked:
    return replace(asked, legacy_quoting=_either(node, "legacy", "exact"))


def _either(node: Node, yes: str, no: str) -> bool:
    if node.text() not in (yes, no):
        node.reject(f'"{node.text()}" is neither {yes} nor {no}: correct it')
    return node.text() == yes


def _listed(names: Mapping[str, str] | tuple[str, ...]) -> str:
    return ", ".join(names) or "none"


READERS: Final[Mapping[str, Callable[[Node, Asked], Asked]]] = {
    "max-walltime": _wall_time,
    "request-disk": _disk,
    "gpu-model": _gpu_model,
    "accounting-group": _accounting_group,
    "requirements": _requirements,
    "singularity-options": _runtime_options,
    "image-root": _image_root,
    "keep-sa-token": _keep_token,
    "arg-quoting": _quoting,
}


def unquoted(words: list[str]) -> list[str]:
    """A command line without the pair of quotes around the word after `-c`, which peers that join words to one line made
    people write."""
    return [
        word[1:-1] if before == "-c" and len(word) > 1 and word[0] == word[-1] and word[0] in "'\"" else word
        for before, word in zip(["", *words], words, strict=False)
    ]
