"""The restricted Pod Security standard, row by row: what an API server that enforces it would refuse, and what it takes."""

from typing import Any

import pytest
from hub_config.spawn.restricted import violations

Object = dict[str, Any]

CONTEXT: Object = {
    "runAsNonRoot": True,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
KINDS = ("initContainers", "containers", "ephemeralContainers")
HOST = {"httpGet": {"host": "10.0.0.1", "port": 80}}


def pod(annotations: Object | None = None, **spec: Any) -> Object:
    containers = {kind: [{"name": "one", "image": "x", "securityContext": CONTEXT}] for kind in KINDS}
    return {"metadata": {"name": "p", "annotations": annotations or {}}, "spec": {**containers, **spec}}


def in_container(**changes: Any) -> Object:
    """A container whose security context is otherwise all right."""
    context = {**CONTEXT, **changes.pop("securityContext", {})}
    kept = {name: value for name, value in context.items() if value is not ...}
    return {"name": "one", "image": "x", "securityContext": kept, **changes}


def test_a_pod_that_is_all_right_is() -> None:
    assert violations(pod()) == []
    assert violations({"spec": {"containers": [in_container()]}}) == []


# the path below a container, and what makes it one that is refused
IN_A_CONTAINER: list[tuple[str, Object]] = [
    ("securityContext.privileged", {"securityContext": {"privileged": True}}),
    ("securityContext.allowPrivilegeEscalation", {"securityContext": {"allowPrivilegeEscalation": True}}),
    ("securityContext.allowPrivilegeEscalation", {"securityContext": {"allowPrivilegeEscalation": ...}}),
    ("securityContext.capabilities.drop", {"securityContext": {"capabilities": ...}}),
    ("securityContext.capabilities.drop", {"securityContext": {"capabilities": {"drop": ["KILL"]}}}),
    ("securityContext.capabilities.add", {"securityContext": {"capabilities": {"drop": ["ALL"], "add": ["CHOWN"]}}}),
    ("securityContext.procMount", {"securityContext": {"procMount": "Unmasked"}}),
    ("securityContext.runAsNonRoot", {"securityContext": {"runAsNonRoot": ...}}),
    ("securityContext.runAsNonRoot", {"securityContext": {"runAsNonRoot": False}}),
    ("securityContext.runAsUser", {"securityContext": {"runAsUser": 0}}),
    ("securityContext.seccompProfile.type", {"securityContext": {"seccompProfile": ...}}),
    ("securityContext.seccompProfile.type", {"securityContext": {"seccompProfile": {"type": "Unconfined"}}}),
    ("securityContext.appArmorProfile.type", {"securityContext": {"appArmorProfile": {"type": "Unconfined"}}}),
    ("securityContext.seLinuxOptions.type", {"securityContext": {"seLinuxOptions": {"type": "spc_t"}}}),
    ("securityContext.seLinuxOptions.user", {"securityContext": {"seLinuxOptions": {"user": "system_u"}}}),
    ("securityContext.seLinuxOptions.role", {"securityContext": {"seLinuxOptions": {"role": "sysadm_r"}}}),
    ("securityContext.windowsOptions.hostProcess", {"securityContext": {"windowsOptions": {"hostProcess": True}}}),
    ("ports[1].hostPort", {"ports": [{"containerPort": 1}, {"containerPort": 2, "hostPort": 2}]}),
    ("livenessProbe.httpGet.host", {"livenessProbe": HOST}),
    ("readinessProbe.tcpSocket.host", {"readinessProbe": {"tcpSocket": {"host": "10.0.0.1", "port": 80}}}),
    ("startupProbe.httpGet.host", {"startupProbe": HOST}),
    ("lifecycle.postStart.httpGet.host", {"lifecycle": {"postStart": HOST}}),
    ("lifecycle.preStop.httpGet.host", {"lifecycle": {"preStop": HOST}}),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("path", "changes"), IN_A_CONTAINER)
def test_each_row_holds_for_containers_of_each_kind(path: str, changes: Object, kind: str) -> None:
    spec: Object = {kind: [in_container(), in_container(**dict(changes))]}
    (violation,) = violations(pod(**spec))
    assert violation.startswith(f"spec.{kind}[1].{path} ")


VOLUMES = "hostPath nfs iscsi rbd cephfs glusterfs flexVolume gitRepo azureFile awsElasticBlockStore fc unheardOf"


@pytest.mark.parametrize(
    ("path", "refused"),
    [
        ("spec.hostNetwork", pod(hostNetwork=True)),
        ("spec.hostPID", pod(hostPID=True)),
        ("spec.hostIPC", pod(hostIPC=True)),
        ("spec.securityContext.runAsUser", pod(securityContext={"runAsUser": 0})),
        ("spec.securityContext.runAsNonRoot", pod(securityContext={"runAsNonRoot": False})),
        ("spec.securityContext.seccompProfile.type", pod(securityContext={"seccompProfile": {"type": "Unconfined"}})),
        ("spec.securityContext.appArmorProfile.type", pod(securityContext={"appArmorProfile": {"type": "Unconfined"}})),
        ("spec.securityContext.seLinuxOptions.type", pod(securityContext={"seLinuxOptions": {"type": "spc_t"}})),
        (
            "spec.securityContext.windowsOptions.hostProcess",
            pod(securityContext={"windowsOptions": {"hostProcess": True}}),
        ),
        (
            "spec.securityContext.sysctls[1]",
            pod(
                securityContext={
                    "sysctls": [{"name": "net.ipv4.tcp_syncookies"}, {"name": "kernel.msgmax", "value": "1"}]
                }
            ),
        ),
        (
            "metadata.annotations[container.apparmor.security.beta.kubernetes.io/one]",
            pod({"container.apparmor.security.beta.kubernetes.io/one": "unconfined"}),
        ),
        *((f"spec.volumes[0].{kind}", pod(volumes=[{"name": "v", kind: {"path": "/"}}])) for kind in VOLUMES.split()),
    ],
)
def test_each_row_of_the_pod_holds(path: str, refused: Object) -> None:
    (violation,) = violations(refused)
    assert violation.startswith(f"{path} ")


SHARED = {"runAsNonRoot": True, "seccompProfile": {"type": "Localhost", "localhostProfile": "x"}}
USUAL = "configMap csi downwardAPI emptyDir ephemeral image persistentVolumeClaim projected secret"


@pytest.mark.parametrize(
    "taken",
    [
        pod(
            securityContext=SHARED,
            containers=[in_container(securityContext={"runAsNonRoot": ..., "seccompProfile": ...})],
        ),
        pod(
            containers=[in_container(securityContext={"capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}})]
        ),
        pod(
            containers=[in_container(securityContext={"procMount": "Default", "runAsUser": 1000, "privileged": False})]
        ),
        pod(containers=[in_container(securityContext={"seLinuxOptions": {"type": "container_t", "level": "s0:c1"}})]),
        pod(containers=[in_container(securityContext={"appArmorProfile": {"type": "RuntimeDefault"}})]),
        pod(
            containers=[
                in_container(ports=[{"containerPort": 1, "hostPort": 0}], livenessProbe={"httpGet": {"port": 1}})
            ]
        ),
        pod(securityContext={"sysctls": [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}]}),
        pod({"container.apparmor.security.beta.kubernetes.io/one": "runtime/default", "other": "unconfined"}),
        pod({"container.apparmor.security.beta.kubernetes.io/one": "localhost/x"}),
        pod(volumes=[{"name": kind, kind: {}} for kind in USUAL.split()]),
        pod(hostNetwork=False, hostPID=False, hostIPC=False),
    ],
)
def test_what_the_standard_allows_is_taken(taken: Object) -> None:
    assert violations(taken) == []


def test_all_reasons_come_at_once() -> None:
    assert len(violations({"spec": {"hostPID": True, "containers": [{"name": "one"}, {"name": "two"}]}})) == 9
