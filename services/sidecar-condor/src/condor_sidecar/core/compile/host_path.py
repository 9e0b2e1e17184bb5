"""hostPath volumes: which parts of the worker node a pod may see, under which of its own names."""

import posixpath
from collections.abc import Sequence
from typing import Final

from condor_sidecar.core.compile.node import Node
from condor_sidecar.core.policy import HostPathRule
from condor_sidecar.job.supervisor import plan as job

TYPES: Final = ("", "Directory", "File", "DirectoryOrCreate", "FileOrCreate")


def host_path(name: str, source: Node, rules: Sequence[HostPathRule]) -> tuple[job.Volume, bool]:
    """The volume, and whether the site gives it read-only. Of several rules that fit, the one with the longest path counts."""
    text, kind = source["path"].text(), source["type"].text()
    path = posixpath.normpath(text)
    if kind not in TYPES:
        source["type"].reject(f'hostPath type "{kind}" is not offered at this site: use Directory or File')
        kind = ""
    fitting = [rule for rule in rules if path == rule.path or path.startswith(rule.path.rstrip("/") + "/")]
    if not text.startswith("/") or ".." in text.split("/") or not fitting:
        allowed = ", ".join(rule.path for rule in rules) or "none"
        source["path"].reject(
            f'hostPath "{text}" is not offered at this site (offered: {allowed}): remove it or use an emptyDir'
        )
        return job.Volume(name, job.HOST), True
    rule = max(fitting, key=lambda rule: len(rule.path))
    if kind.endswith("OrCreate") and rule.read_only:
        source["type"].reject(
            f"nothing can be made below {rule.path}, which this site gives read-only: use {kind.removesuffix('OrCreate')}"
        )
    root = rule.target or rule.path
    target = posixpath.normpath(root + "/" + path[len(rule.path.rstrip("/")) :])
    return job.Volume(name, job.HOST, target, kind, root=root), rule.read_only
