"""What the virtual kubelet of a release can and can't do, tried on a real API server with its identity."""

import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from tests.charts.rendering import VIRTUAL_NODE, merged, read_values
from tests.cluster.charts.conftest import Failed, Releases

VALUES = merged(read_values(VIRTUAL_NODE / "ci" / "remote-values.yaml"), {"nodeName": "mine", "namespaces": ["users"]})

QUESTIONS = [
    ("get nodes/mine", True),
    ("patch nodes/mine", True),
    ("get nodes/another", False),
    ("patch nodes/another --subresource=status", False),
    ("delete nodes/mine", False),
    ("list nodes", False),
    ("list pods --all-namespaces", True),
    ("create pods -n users", False),
    ("patch pods -n users", False),
    ("create pods/exec -n users", False),
    ("get secrets -n users", True),
    ("list secrets -n users", False),
    ("get secrets -n highrate", False),
    ("get secrets -n kube-system", False),
    ("get configmaps -n dask", False),
    ("get configmaps/extension-apiserver-authentication -n kube-system", True),
    ("create serviceaccounts/token -n dask", False),
    ("create events -n dask", True),
    ("patch leases.coordination.k8s.io/mine -n kube-node-lease", True),
    ("patch leases.coordination.k8s.io/another -n kube-node-lease", False),
    ("create subjectaccessreviews.authorization.k8s.io", True),
    ("create rolebindings.rbac.authorization.k8s.io -n highrate", False),
]


@dataclass(frozen=True)
class Identity:
    """The virtual kubelet's service account, as the API server sees it; nothing that it asks for is really done."""

    url: str
    token: str

    def may(self, method: str, path: str, body: dict[str, Any]) -> bool:
        """False if the admission policy denies it; any other refusal is an error of the test."""
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": kind}
        asked = urllib.request.Request(
            f"{self.url}{path}?dryRun=All", json.dumps(body).encode(), headers, method=method
        )
        try:
            urllib.request.urlopen(asked, context=ssl._create_unverified_context(), timeout=30).close()
        except urllib.error.HTTPError as refusal:
            said = refusal.read().decode()
            assert "ValidatingAdmissionPolicy" in said, said
            return False
        return True


@pytest.fixture(scope="module")
def identity(releases: Releases) -> Iterator[Identity]:
    """Of a release that has the node `mine` and may use what is in the namespace `users`."""
    releases.install("site-one", VALUES)
    url = yaml.safe_load(releases.kubeconfig.read_text())["clusters"][0]["cluster"]["server"]
    yield Identity(url, releases.kubectl("create", "token", "site-one-vk", "--namespace=highrate").strip())
    releases.uninstall("site-one")


@pytest.mark.parametrize(("question", "answer"), QUESTIONS)
def test_it_may_do_what_it_needs_and_no_more(
    releases: Releases, identity: Identity, question: str, answer: bool
) -> None:
    try:
        said = releases.kubectl("auth", "can-i", *question.split(), f"--token={identity.token}").strip()
    except Failed as refusal:  # kubectl ends with 1 after a no
        said = str(refusal).splitlines()[0]
    assert said == ("yes" if answer else "no")


def test_pods_of_its_node_only_are_removed_and_change_their_state(releases: Releases, identity: Identity) -> None:
    for name, node, allowed in (("here", "mine", True), ("there", "another", False)):
        releases.create(_pod(name, node))
        pod = f"/api/v1/namespaces/dask/pods/{name}"
        assert identity.may("PATCH", f"{pod}/status", {"status": {"phase": "Running"}}) is allowed
        assert identity.may("DELETE", pod, {"gracePeriodSeconds": 0}) is allowed


def test_it_makes_its_own_node_only(identity: Identity) -> None:
    for name, allowed in (("mine", True), ("another", False)):
        assert identity.may("POST", "/api/v1/nodes", {"metadata": {"name": name}}) is allowed


def test_it_gets_tokens_on_behalf_of_pods_only(releases: Releases, identity: Identity) -> None:
    releases.create(_pod("bound", "mine", "users"))
    path = "/api/v1/namespaces/users/serviceaccounts/default/token"
    to_pod = {"boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": "bound"}}
    assert identity.may("POST", path, {"spec": to_pod})
    assert not identity.may("POST", path, {"spec": {}})


def test_others_are_not_held_by_the_policy(releases: Releases) -> None:
    releases.create({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "ordinary"}})
    releases.kubectl("delete", "node", "ordinary")


def _pod(name: str, node: str, namespace: str = "dask") -> dict[str, Any]:
    container = {
        "name": "main",
        "image": "nowhere.example/image:1",
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "nodeName": node,
            "automountServiceAccountToken": False,
            "securityContext": {"runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [container],
        },
    }
