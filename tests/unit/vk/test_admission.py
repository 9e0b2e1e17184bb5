"""Pods that a kubelet refuses, or waits with, before anything of them starts."""

import pytest
from virtual_kubelet.core import status
from virtual_kubelet.core.admission import Refusal, check_waiting, refusal
from virtual_kubelet.core.object_store import MissingObjectError

from tests.unit.vk.pods import UID, Json, container, pod


def test_a_pod_of_another_system_is_refused_in_a_kubelet_s_words() -> None:
    refused = refusal(pod(os={"name": "windows"}), "Other")
    assert refused == Refusal("PodOSNotSupported", ("Failed to admit pod as the OS field doesn't match node OS",))
    assert refused is not None
    failed = status.refused(pod(), refused.sentences[0], "", "2026-01-01T00:00:00Z", refused.reason)
    assert (failed["phase"], failed["reason"]) == ("Failed", "PodOSNotSupported")


@pytest.mark.parametrize("kind", ["clusterTrustBundle", "podCertificate", "somethingNew"])
def test_what_only_a_node_can_project_is_refused_by_its_place(kind: str) -> None:
    volumes = [{"name": "e", "emptyDir": {}}, {"name": "v", "projected": {"sources": [{"secret": {}}, {kind: {}}]}}]
    assert refusal(pod(volumes=volumes), "R") == Refusal(
        "R", (f'{kind} can\'t be carried to a site: remove it from volume "v" (volumes[1].projected.sources[1])',)
    )


def test_a_variable_from_a_volume_s_file_is_refused() -> None:
    env = [{"name": "A", "valueFrom": {"fileKeyRef": {"volumeName": "v", "path": "p", "key": "k"}}}]
    refused = refusal(pod([container("a", env=env)]), "R")
    assert refused is not None and refused.sentences[0].startswith('env "A" can\'t be read from a file of a volume')


@pytest.mark.parametrize(
    "spec", [{}, {"os": {"name": "linux"}}, {"volumes": [{"name": "c", "configMap": {"name": "x"}}]}]
)
def test_other_pods_are_taken(spec: Json) -> None:
    assert refusal(pod(**spec), "R") is None
    check_waiting(pod(**spec))


def test_a_pod_of_a_runtime_class_waits_as_with_a_handler_that_is_not_configured() -> None:
    with pytest.raises(MissingObjectError, match='no runtime for RuntimeClass "kata" is configured') as caught:
        check_waiting(pod(runtimeClassName="kata"))
    assert (caught.value.reason, caught.value.event) == ("ContainerCreating", "FailedCreatePodSandBox")


@pytest.mark.parametrize(
    ("shared", "own", "waits"),
    [
        ({"runAsNonRoot": True}, {"runAsUser": 0}, True),
        ({"runAsNonRoot": True, "runAsUser": 0}, {}, True),
        ({"runAsUser": 0}, {"runAsNonRoot": True}, True),
        ({"runAsNonRoot": True, "runAsUser": 0}, {"runAsNonRoot": False}, False),
        ({"runAsNonRoot": True, "runAsUser": 0}, {"runAsUser": 5}, False),
        ({"runAsNonRoot": True}, {}, False),
    ],
)
def test_a_root_that_may_be_none_waits_with_a_kubelet_s_words(shared: Json, own: Json, waits: bool) -> None:
    thing = pod([container("a", securityContext=own)], securityContext=shared)
    if not waits:
        check_waiting(thing)
        return
    with pytest.raises(MissingObjectError) as caught:
        check_waiting(thing)
    assert (caught.value.reason, caught.value.event) == ("CreateContainerConfigError", "Failed")
    assert str(caught.value) == f'container\'s runAsUser breaks non-root policy (pod: "p_ns({UID})", container: a)'


@pytest.mark.parametrize(
    ("names", "refused"),
    [
        (["kernel.shm_rmid_forced", "net/ipv4/tcp_syncookies"], ()),
        (["kernel.msgmax", "kernel.shm_rmid_forced"], ('forbidden sysctl: "kernel.msgmax" not allowlisted',)),
    ],
)
def test_unsafe_sysctls_are_refused_as_a_kubelet_refuses_them(names: list[str], refused: tuple[str, ...]) -> None:
    asked = pod(securityContext={"sysctls": [{"name": name, "value": "1"} for name in names]})
    found = refusal(asked, "ProviderFailed")
    assert (found.sentences if found else ()) == refused
    assert found is None or found.reason == "SysctlForbidden"
