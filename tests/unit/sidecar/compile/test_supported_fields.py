"""Every field of a pod is honoured, known to be harmless, or a reason for rejection that names it."""

import pytest
from condor_sidecar.core.compile import compile_pod
from condor_sidecar.core.policy import Policy
from condor_sidecar.model.plan import ContainerKind, Rejection
from interlink.protocol.types import RetrievedPodData

from tests.unit.sidecar.compile.pods import Json, compiled, container, first, job_of, pod, reasons

NO_IDS = Policy(user_ids=False)
ANY_GROUPS = Policy(ignore_groups=True)


def test_a_pod_as_the_api_server_completes_it_is_accepted() -> None:
    token = {"name": "kube-api-access-x", "projected": {"defaultMode": 420, "sources": [
        {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}]}},
    ]}}  # fmt: skip
    mount = {
        "name": "kube-api-access-x",
        "readOnly": True,
        "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
    }
    assert compiled(pod(container(volumeMounts=[mount]), volumes=[token])).files


@pytest.mark.parametrize(
    "spec",
    [
        {
            "nodeSelector": {"a": "b"},
            "affinity": {"nodeAffinity": {}},
            "priorityClassName": "x",
            "topologySpreadConstraints": [{}],
        },
        {
            "automountServiceAccountToken": False,
            "imagePullSecrets": [{"name": "s"}],
            "readinessGates": [{"conditionType": "x"}],
        },
        {"dnsPolicy": "Default"},
        {"dnsPolicy": "ClusterFirstWithHostNet", "hostNetwork": True},
        {
            "hostPID": False,
            "hostIPC": False,
            "shareProcessNamespace": False,
            "setHostnameAsFQDN": False,
            "hostUsers": True,
        },
        {"os": {"name": "linux"}},
        {"hostname": "x", "subdomain": "y", "hostAliases": [{"ip": "1.2.3.4", "hostnames": ["a"]}]},
        {"ephemeralContainers": [], "dnsConfig": {}, "overhead": None, "somethingNew": None, "another": []},
        {
            "securityContext": {
                "runAsNonRoot": True,
                "seccompProfile": {"type": "RuntimeDefault"},
                "fsGroupChangePolicy": "Always",
            }
        },
    ],
)
def test_what_asks_nothing_of_a_job_is_accepted(spec: Json) -> None:
    assert compiled(pod(**spec)).files


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        (
            {"restartPolicy": "Sometimes"},
            "it is not known at this site: use Always, OnFailure or Never (restartPolicy)",
        ),
        ({"hostPID": True}, "a job can't see its machine's processes: remove it (hostPID)"),
        ({"hostIPC": True}, "a job can't use its machine's IPC: remove it (hostIPC)"),
        (
            {"shareProcessNamespace": True},
            "each container has its own processes at this site: remove it (shareProcessNamespace)",
        ),
        ({"runtimeClassName": "kata"}, "containers run in Apptainer at this site: remove it (runtimeClassName)"),
        ({"os": {"name": "windows"}}, "only Linux pods run at this site: remove it (os)"),
        (
            {"ephemeralContainers": [{"name": "d"}]},
            "they are started in pods that run: hand them over by an update (`/update`) (ephemeralContainers)",
        ),
        (
            {"resourceClaims": [{"name": "g"}]},
            "dynamic resources are not offered at this site: remove them (resourceClaims)",
        ),
        ({"somethingNew": {"a": 1}}, "this field is not supported at this site: remove it (somethingNew)"),
        ({"containers": []}, "a pod needs a container: add one (containers)"),
        (
            {"securityContext": {"sysctls": [{"name": "n", "value": "v"}]}},
            "kernel parameters can't be set by a job: remove them (securityContext.sysctls)",
        ),
        (
            {"securityContext": {"runAsUser": -1}},
            "-1 is not between 0 and 2147483647: correct it (securityContext.runAsUser)",
        ),
        (
            {"securityContext": {"seccompProfile": {"type": "Localhost", "localhostProfile": "p"}}},
            "profiles of the node's own are not offered at this site: use RuntimeDefault (securityContext.seccompProfile)",
        ),
    ],
)
def test_what_a_job_can_t_do_for_a_pod_is_rejected(spec: Json, reason: str) -> None:
    assert reasons(pod(**spec)) == (reason,)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        (
            {"restartPolicy": "Always"},
            "containers are restarted by the pod's restart policy at this site: remove it (containers[0].restartPolicy)",
        ),
        (
            {"restartPolicyRules": [{"action": "Restart"}]},
            "containers are restarted by the pod's restart policy at this site: remove it (containers[0].restartPolicyRules)",
        ),
        (
            {"imagePullPolicy": "Sometimes"},
            '"Sometimes" is not known: use Always, IfNotPresent or Never (containers[0].imagePullPolicy)',
        ),
        (
            {"volumeDevices": [{"name": "x"}]},
            "block devices can't be given to a job: use volumeMounts (containers[0].volumeDevices)",
        ),
        (
            {"ports": [{"containerPort": 80, "hostPort": 8080}]},
            "a port of the machine can't be mapped to another at this site: remove it (containers[0].ports[0].hostPort)",
        ),
        (
            {"ports": [{"containerPort": 80, "hostPort": 80, "hostIP": "127.0.0.1"}]},
            "a port can't be kept to one of the machine's addresses at this site: remove it (containers[0].ports[0].hostIP)",
        ),
        (
            {"env": [{"name": "A", "value": "1", "readOnly": True}]},
            "this field is not supported at this site: remove it (containers[0].env[0].readOnly)",
        ),
        (
            {"terminationMessagePath": "/dev/a/b"},
            '"/dev/a/b" can\'t be written to at this site: use a path such as /dev/termination-log'
            " (containers[0].terminationMessagePath)",
        ),
        (
            {"securityContext": {"privileged": True}},
            "privileged containers can't run in a job: remove it (containers[0].securityContext.privileged)",
        ),
        (
            {"securityContext": {"allowPrivilegeEscalation": True}},
            "no privileges can be gained in a job: set it to false (containers[0].securityContext.allowPrivilegeEscalation)",
        ),
        (
            {"securityContext": {"capabilities": {"add": ["NET_ADMIN"]}}},
            "a job's containers have no capabilities: remove it (containers[0].securityContext.capabilities.add)",
        ),
        (
            {"securityContext": {"procMount": "Unmasked"}},
            "/proc can't be unmasked in a job: remove it (containers[0].securityContext.procMount)",
        ),
        ({"somethingNew": True}, "this field is not supported at this site: remove it (containers[0].somethingNew)"),
        (
            {"name": "Upper"},
            '"Upper" can\'t be the name of a container: use lower case letters, digits and hyphens (containers[0].name)',
        ),
        (
            {"name": "a/../b"},
            '"a/../b" can\'t be the name of a container: use lower case letters, digits and hyphens (containers[0].name)',
        ),
    ],
)
def test_what_a_job_can_t_do_for_a_container_is_rejected(fields: Json, reason: str) -> None:
    assert reasons(pod(container(**fields))) == (reason,)


@pytest.mark.parametrize("policy", ["Always", "OnFailure", "Never"])
def test_the_restart_policy_is_handed_on(policy: str) -> None:
    assert job_of(compiled(pod(restartPolicy=policy))).restart_policy == policy


def test_an_init_container_that_is_always_restarted_is_a_sidecar() -> None:
    plan = compiled(pod(initContainers=[container("s", restartPolicy="Always"), container("i")]))
    assert [(each.name, each.kind) for each in job_of(plan).containers] == [
        ("s", "sidecar"),
        ("i", "init"),
        ("main", "main"),
    ]
    assert [each.kind for each in plan.containers] == [ContainerKind.SIDECAR, ContainerKind.INIT, ContainerKind.MAIN]


@pytest.mark.parametrize("policy", ["OnFailure", "Never"])
def test_no_other_init_container_has_a_policy_of_its_own(policy: str) -> None:
    assert reasons(pod(initContainers=[container("i", restartPolicy=policy)])) == (
        "containers are restarted by the pod's restart policy at this site: remove it (initContainers[0].restartPolicy)",
    )


def test_an_image_that_must_not_be_pulled_is_not() -> None:
    image = first(compiled(pod(container(imagePullPolicy="Never")))).image
    assert (image.pull, image.never_pull) == ("", True)
    assert image.candidates
    image = first(compiled(pod(container(imagePullPolicy="Always")))).image
    assert (image.pull, image.never_pull) == ("docker://docker.io/library/hello:1", False)


def test_standard_input_and_terminals_are_handed_on() -> None:
    found = first(compiled(pod(container(stdin=True, stdinOnce=True, tty=True))))
    assert (found.stdin, found.stdin_once, found.tty) == (True, True, True)


def test_how_long_a_container_is_tried_is_the_site_s_affair() -> None:
    assert job_of(compiled(pod(), Policy(patience_seconds=7))).patience_seconds == 7


@pytest.mark.parametrize(
    "context",
    [
        {"runAsNonRoot": True, "privileged": False, "allowPrivilegeEscalation": False, "procMount": "Default"},
        {
            "capabilities": {"drop": ["ALL"], "add": []},
            "seccompProfile": {"type": "Unconfined"},
            "appArmorProfile": {"type": "RuntimeDefault"},
        },
    ],
)
def test_restrictions_that_every_job_has_are_accepted(context: Json) -> None:
    assert compiled(pod(container(securityContext=context))).files


def test_a_read_only_root_is_honoured() -> None:
    assert first(compiled(pod(container(securityContext={"readOnlyRootFilesystem": True})))).read_only_root
    assert not first(compiled(pod(container(securityContext={"readOnlyRootFilesystem": False})))).read_only_root


def test_user_and_group_are_the_container_s_or_the_pod_s() -> None:
    shared = {"runAsUser": 1000, "runAsGroup": 100, "fsGroup": 100, "runAsNonRoot": True}
    made = job_of(
        compiled(
            pod(
                container("a"),
                container("b", securityContext={"runAsUser": 0, "runAsNonRoot": False}),
                securityContext=shared,
            )
        )
    )
    assert [(each.user, each.group, each.non_root) for each in made.containers] == [(1000, 100, True), (0, 100, False)]
    assert first(compiled(pod())).image_user and not first(compiled(pod(), NO_IDS)).image_user


def test_a_root_that_may_be_none_is_rejected() -> None:
    assert reasons(pod(container(securityContext={"runAsUser": 0}), securityContext={"runAsNonRoot": True})) == (
        "runAsNonRoot forbids user 0: remove one of both (containers[0].securityContext.runAsUser)",
    )


def test_groups_are_ignored_only_where_the_site_says_so() -> None:
    asking = pod(securityContext={"supplementalGroups": [1, 2]})
    assert compiled(asking, ANY_GROUPS).files
    assert reasons(asking) == (
        "a job's containers have one group: remove it, or use runAsGroup (securityContext.supplementalGroups)",
    )


def test_ids_are_rejected_where_the_site_gives_none() -> None:
    for name in ("runAsUser", "runAsGroup", "fsGroup"):
        assert reasons(pod(securityContext={name: 1000}), NO_IDS) == (
            "containers run as the job's own account at this site, user and group ids can't be chosen: remove it"
            f" (securityContext.{name})",
        )


def test_two_containers_can_t_share_a_name() -> None:
    assert reasons(pod(container("a"), initContainers=[container("a")])) == (
        'two containers have the name "a": rename one (containers)',
    )


def test_other_systems_annotations_are_left_alone() -> None:
    asking = pod()
    asking["metadata"]["annotations"] |= {
        "slurm-job.vk.io/flags": "-p x",
        "kubectl.kubernetes.io/last-applied-configuration": "{}",
    }
    assert compiled(asking).files


@pytest.mark.parametrize(
    ("field", "text"),
    [("uid", 'x" || true'), ("uid", ""), ("uid", "a\nb"), ("name", "Hello"), ("namespace", "a/b"), ("name", "$(X)")],
)
def test_names_that_kubernetes_doesn_t_give_are_rejected(field: str, text: str) -> None:
    asking = pod()
    asking["metadata"][field] = text
    assert reasons(asking) == (f'"{text}" is not a {field} that Kubernetes gives (metadata.{field})',)


def test_all_reasons_come_at_once() -> None:
    asking = pod(container(volumeDevices=[{}], image="Bad Image"), hostPID=True, restartPolicy="Sometimes")
    assert len(reasons(asking)) == 4


@pytest.mark.parametrize(
    "spec", [None, [], "x", 7, {"containers": "x"}, {"containers": [None, 7, "x"]}, {"containers": [{"env": {"a": 1}}]}]
)
def test_malformed_pods_are_rejected_not_crashed_on(spec: object) -> None:
    broken = pod()
    good = broken["spec"]
    broken["spec"] = spec if not isinstance(spec, dict) else good | spec
    assert reasons_of(broken)


def reasons_of(broken: Json) -> tuple[str, ...]:
    """Like `reasons`, for pods that aren't shaped like one."""
    result = compile_pod(RetrievedPodData(broken, []), Policy())
    assert isinstance(result, Rejection)
    return result.reasons
