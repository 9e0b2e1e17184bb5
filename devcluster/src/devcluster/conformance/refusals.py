"""Which pods of the suite the virtual node refused, out of the virtual kubelet's log.

A test may wait for a pod only to do nothing, and a refused pod does nothing: such a test passes and shows nothing. And where a
test fails because its pod was refused, the suite may not say why.
"""

import json
from collections.abc import Iterable

from devcluster.kubernetes.cluster import Kubectl
from devcluster.release_values import NAME, NAMESPACE

_EVENT = "pod.refused"
_CONTAINER = "virtual-kubelet"


def of_log(lines: Iterable[str]) -> dict[str, str]:
    """Namespace to the reasons of all its refused pods. The suite gives each test a namespace of its own."""
    found: dict[str, list[str]] = {}
    for line in lines:
        if _EVENT in line:
            entry = json.loads(line)
            if entry["event"] == _EVENT:
                namespace, _, _ = entry["pod"].partition("/")
                reasons = found.setdefault(namespace, [])
                reasons += [reason for reason in entry["reasons"] if reason not in reasons]
    return {namespace: "; ".join(reasons) for namespace, reasons in found.items()}


def of_site(kubectl: Kubectl, mode: str) -> dict[str, str]:
    """The same for a site of the release, since its virtual kubelet was started. Raises CommandFailed."""
    text = kubectl("logs", f"--namespace={NAMESPACE}", f"deployment/{NAME}-{mode}-vk", f"--container={_CONTAINER}")
    return of_log(text.splitlines())
