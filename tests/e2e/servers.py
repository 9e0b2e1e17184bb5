"""People's servers as Kubernetes sees them: their pods, and commands run in them."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from devcluster.kubernetes.cluster import Kubectl


@dataclass(frozen=True)
class Servers:
    kubectl: Kubectl
    namespace: str

    def pod(self, person: str) -> dict[str, Any] | None:
        """The pod of somebody's server as JSON; None if there is none."""
        selector = f"--selector=component=singleuser-server,hub.jupyter.org/username={person}"
        found = json.loads(self.kubectl("get", "pods", f"--namespace={self.namespace}", selector, "-o=json"))["items"]
        return found[0] if found else None

    def home_of(self, person: str) -> str:
        """Whose somebody's home is, as the claim says."""
        claim = ("get", "pvc", f"claim-{person}", f"--namespace={self.namespace}")
        return self.kubectl(*claim, "-o=jsonpath={.metadata.annotations.highrate/home-of}")

    def run(self, person: str, script: str) -> str:
        """What a shell script says in somebody's running server, with the variables that the server has."""
        return self.kubectl("exec", *self._running(person, script))

    def inside(self, person: str, script: str) -> list[str]:
        """The command of this machine that runs it there, with standard input."""
        asked = (f"--kubeconfig={self.kubectl.kubeconfig}", "exec", "--stdin")
        return [str(self.kubectl.program), *asked, *self._running(person, script)]

    def _running(self, person: str, script: str) -> tuple[str, ...]:
        pod = self.pod(person)
        assert pod is not None, f"{person} has no server"
        return (f"--namespace={self.namespace}", pod["metadata"]["name"], "--", "bash", "-ec", script)


def until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Look again until it is so."""
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, f"{what}: not within {seconds:.0f} s"
        time.sleep(0.2)
