"""A real API server, and releases of charts/virtual-node on it, by Helm. No controller runs: objects are all there is."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from devcluster.charts import assemble

from tests.charts.rendering import VIRTUAL_NODE, Values, programs
from tests.cluster.vk.control_plane import ADMIN, control_plane

RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
KINDS = (
    "deployment,statefulset,service,configmap,secret,persistentvolumeclaim,networkpolicy,serviceaccount,role,rolebinding,"
    "clusterrole,clusterrolebinding,validatingadmissionpolicy,validatingadmissionpolicybinding"
)


class Failed(Exception):
    """A command that the API server or Helm refused; the text is theirs."""


@dataclass(frozen=True)
class Releases:
    """Helm and kubectl on the control plane."""

    kubeconfig: Path
    chart: Path
    programs: dict[str, Path]

    def install(self, name: str, values: Values, namespace: str = "highrate", *options: str) -> None:
        """Install or upgrade. Raises Failed."""
        command = ["upgrade", "--install", name, str(self.chart), f"--namespace={namespace}", "--values=-", *options]
        self._run("helm", command, json.dumps(values))

    def uninstall(self, name: str, namespace: str = "highrate", *options: str) -> None:
        self._run("helm", ["uninstall", name, f"--namespace={namespace}", *options])

    def objects(self, name: str) -> list[dict[str, Any]]:
        """All objects of a release, in whatever namespace, that are not on their way out."""
        selector = f"app.kubernetes.io/instance={name},app.kubernetes.io/part-of=highrate"
        text = self.kubectl("get", KINDS, "--all-namespaces", f"--selector={selector}", "--output=json")
        found: list[dict[str, Any]] = json.loads(text)["items"]
        return [obj for obj in found if "deletionTimestamp" not in obj["metadata"]]

    def create(self, body: dict[str, Any], *options: str) -> None:
        """Raises Failed."""
        self.kubectl("create", "--filename=-", *options, given=json.dumps(body))

    def kubectl(self, *words: str, given: str | None = None) -> str:
        """Raises Failed."""
        return self._run("kubectl", list(words), given)

    def _run(self, program: str, words: list[str], given: str | None = None) -> str:
        command = [str(self.programs[program]), f"--kubeconfig={self.kubeconfig}", *words]
        done = subprocess.run(command, input=given, capture_output=True, text=True, check=False, timeout=60)
        if done.returncode != 0:
            raise Failed(f"{done.stdout}{done.stderr}")
        return done.stdout


@pytest.fixture(scope="session")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Releases]:
    folder = tmp_path_factory.mktemp("releases")
    with control_plane(folder) as plane:
        found = Releases(plane.kubeconfig(ADMIN), assemble(VIRTUAL_NODE, folder / "chart"), programs(folder))
        for name in ("highrate", "users", "dask"):
            metadata = {"name": name, "labels": RESTRICTED}
            found.create({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
            account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": name}}
            found.create(account)
        yield found
