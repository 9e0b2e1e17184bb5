"""The pod and the volume of a session, as KubeSpawner makes them from z2jh's configuration and ours."""

from collections.abc import Callable
from typing import Any

import pytest
from hub_config.spawn.refusal import Refusal

from tests.schemas import validate
from tests.unit.hub_config.cluster import Cluster, joined, sent
from tests.unit.hub_config.conftest import configured
from tests.unit.hub_config.test_options import REFUSED

Make = Callable[..., Any]


async def manifest(spawner: Any) -> dict[str, Any]:
    await spawner.load_user_options()
    pod: dict[str, Any] = spawner.api.api_client.sanitize_for_serialization(await spawner.get_pod_manifest())
    return pod


def container(pod: dict[str, Any]) -> dict[str, Any]:
    (only,) = pod["spec"]["containers"]
    assert isinstance(only, dict)
    return only


def environment(pod: dict[str, Any]) -> dict[str, str]:
    return {entry["name"]: entry["value"] for entry in container(pod)["env"]}


def mounts(pod: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """By path: the mount, with its volume's source."""
    sources = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
    return {mount["mountPath"]: {**mount, "source": sources[mount["name"]]} for mount in container(pod)["volumeMounts"]}


@pytest.mark.parametrize(
    "options",
    [{}, {"image": "base", "cores": 8, "memory": 16}, {"reference": "registry.test/mine:1", "cores": 1, "memory": 2}],
)
@pytest.mark.parametrize("cvmfs", [{"mode": "none"}, {"mode": "pvc", "claim": "c"}, {"mode": "hostPath"}])
async def test_every_choice_makes_a_pod_that_kubernetes_takes(spawner: Make, options: object, cvmfs: object) -> None:
    pod = await manifest(spawner(options, cvmfs=cvmfs))
    validate(pod)


async def test_cores_and_memory_are_limits_and_parts_of_them_are_reserved(spawner: Make) -> None:
    chosen = await manifest(spawner({"image": "base", "cores": 8, "memory": 16}))
    assert container(chosen)["image"] == "registry.test/lab:1"
    assert container(chosen)["resources"] == {
        "limits": {"cpu": 8.0, "memory": 16 * 2**30},
        "requests": {"cpu": 0.8, "memory": 8 * 2**30},
    }


async def test_a_session_is_restricted_whatever_its_image_wants(spawner: Make) -> None:
    pod = await manifest(spawner({"reference": "registry.test/mine:1"}))
    spec, context = pod["spec"], container(pod)["securityContext"]
    assert spec["automountServiceAccountToken"] is False
    assert "serviceAccountName" not in spec
    assert spec["enableServiceLinks"] is False
    assert context == {
        "runAsUser": 1000,
        "runAsGroup": 100,
        "runAsNonRoot": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert spec["securityContext"]["fsGroup"] == 100
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert not any("hostPath" in volume for volume in spec["volumes"])
    assert "initContainers" not in spec


async def test_an_account_that_an_administrator_names_gives_a_session_no_token(spawner: Make) -> None:
    c = configured()
    c.KubeSpawner.service_account = "theirs"
    spec = (await manifest(spawner(config=c)))["spec"]
    assert (spec["serviceAccountName"], spec["automountServiceAccountToken"]) == ("theirs", False)


async def test_files_stay_in_home_and_nowhere_else(spawner: Make) -> None:
    found = mounts(await manifest(spawner()))
    assert found["/home/jovyan"]["source"]["persistentVolumeClaim"] == {"claimName": "claim-mario"}
    assert found["/scratch"]["source"]["emptyDir"] == {"sizeLimit": "20Gi"}
    assert found["/run/highrate"]["source"]["emptyDir"] == {"medium": "Memory", "sizeLimit": "16Mi"}
    assert found["/etc/highrate/ca"]["source"]["configMap"] == {"name": "tokens-ca"}
    assert found["/etc/files"]["source"]["secret"], "what z2jh mounts stays"


async def test_home_is_ten_gigabytes_for_each_user_and_outlives_the_user(spawner: Make) -> None:
    mine = spawner()
    claim = mine.api.api_client.sanitize_for_serialization(mine.get_pvc_manifest())
    validate(claim)
    assert claim["metadata"]["name"] == "claim-mario"
    assert claim["spec"]["resources"]["requests"] == {"storage": "10Gi"}
    assert "storageClassName" not in claim["spec"]
    assert mine.delete_pvc is False
    assert claim["spec"]["accessModes"] == ["ReadWriteOnce"]
    other = spawner(home={"storageClass": "fast", "capacity": "50Gi", "accessModes": ["ReadWriteMany"]})
    claim = other.api.api_client.sanitize_for_serialization(other.get_pvc_manifest())
    assert (claim["spec"]["storageClassName"], claim["spec"]["resources"]["requests"]["storage"]) == ("fast", "50Gi")
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]


async def test_named_servers_share_the_home_and_nobody_elses(spawner: Make) -> None:
    claims = {
        (name, server): spawner(name=name, server=server).pvc_name
        for name in ("mario", "Mario", "mario.rossi", "mario_rossi", "mario-rossi", "mario-")
        for server in ("", "second")
    }
    assert {claims[name, ""] == claims[name, "second"] for name, _ in claims} == {True}
    assert len(set(claims.values())) == 6, "names that look alike get claims of their own"
    assert spawner(server="second").pod_name != spawner().pod_name


@pytest.mark.parametrize(
    ("cvmfs", "source"),
    [
        ({"mode": "none"}, None),
        ({"mode": "pvc", "claim": "cvmfs"}, {"persistentVolumeClaim": {"claimName": "cvmfs"}}),
        ({"mode": "hostPath", "path": "/srv/cvmfs"}, {"hostPath": {"path": "/srv/cvmfs", "type": "Directory"}}),
    ],
)
async def test_cvmfs_is_read_only_and_sees_repositories_mounted_later(
    spawner: Make, cvmfs: dict[str, str], source: dict[str, Any] | None
) -> None:
    pod = await manifest(spawner(cvmfs=cvmfs))
    if source is None:
        assert "/cvmfs" not in mounts(pod)
        assert "X509_CERT_DIR" not in environment(pod)
        return
    mount = mounts(pod)["/cvmfs"]
    assert (mount["readOnly"], mount["mountPropagation"]) == (True, "HostToContainer")
    assert source.items() <= mount["source"].items()
    grid = "/cvmfs/grid.cern.ch/etc/grid-security"
    told = {
        "X509_CERT_DIR": f"{grid}/certificates",
        "X509_VOMS_DIR": f"{grid}/vomsdir",
        "VOMS_USERCONF": f"{grid}/vomses",
    }
    assert told.items() <= environment(pod).items()


@pytest.mark.parametrize(("given", "words"), REFUSED)
async def test_what_comes_by_rest_is_refused_before_anything_is_made(spawner: Make, given: object, words: str) -> None:
    with pytest.raises(Refusal) as refused:
        await spawner(given).load_user_options()
    assert refused.value.status_code == 400
    assert words in refused.value.jupyterhub_message


async def test_images_of_a_group_start_for_its_members_only(spawner: Make) -> None:
    pod = await manifest(spawner({"image": "secret"}, groups=["/icsc/detector"]))
    assert container(pod)["image"] == "registry.test/det:3"
    with pytest.raises(Refusal):
        await spawner({"image": "secret"}, groups=["/icsc"]).load_user_options()


RESTRICTED = {
    "runAsNonRoot": True,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
TOKEN = {"name": "token", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}}
CERTIFICATE = {"name": "key", "projected": {"sources": [{"configMap": {}}, {"podCertificate": {"signerName": "s"}}]}}


@pytest.mark.parametrize(
    ("trait", "path"),
    [
        ({"privileged": True}, "spec.containers[0].securityContext.privileged"),
        ({"allow_privilege_escalation": True}, "spec.containers[0].securityContext.allowPrivilegeEscalation"),
        ({"automount_service_account_token": True}, "spec.automountServiceAccountToken"),
        ({"service_account": "jlab", "automount_service_account_token": None}, "spec.automountServiceAccountToken"),
        ({"volumes": [TOKEN]}, "spec.volumes[0].projected.sources[0].serviceAccountToken"),
        ({"volumes": [CERTIFICATE]}, "spec.volumes[0].projected.sources[1].podCertificate"),
        ({"volumes": [{"name": "node", "hostPath": {"path": "/"}}]}, "spec.volumes[0].hostPath"),
        ({"uid": 0}, "spec.containers[0].securityContext.runAsUser"),
        ({"image": "evil/x:1"}, "its image"),
        (
            {"container_security_context": {"runAsNonRoot": True, "capabilities": {"add": ["SYS_ADMIN"]}}},
            "spec.containers[0].securityContext.capabilities.add",
        ),
        ({"extra_pod_config": {"hostNetwork": True}}, "spec.hostNetwork"),
        (
            {"init_containers": [{"name": "root", "image": "x", "securityContext": {"privileged": True}}]},
            "spec.initContainers[0].securityContext.privileged",
        ),
        ({"extra_containers": [{"name": "other", "image": "x"}]}, "spec.containers[1].securityContext"),
    ],
)
async def test_a_pod_that_other_configuration_opened_is_not_sent(
    spawner: Make, caplog: pytest.LogCaptureFixture, trait: dict[str, Any], path: str
) -> None:
    one = spawner()
    cluster, load = joined(one), one.load_user_options

    async def then_open() -> None:
        await load()
        for name, value in trait.items():
            setattr(one, name, value)

    one.load_user_options = then_open
    await refused(one, cluster, caplog, path)


async def refused(one: Any, cluster: Cluster, caplog: pytest.LogCaptureFixture, path: str) -> None:
    one.log.propagate = True
    with pytest.raises(Refusal, match="configuration makes a pod that isn't allowed") as raised:
        await one._start()
    assert raised.value.status_code == 500
    assert path not in raised.value.jupyterhub_message
    assert cluster.pods == []
    assert path in caplog.text


def opened_by_a_hook(_spawner: Any, pod: Any) -> Any:
    pod.spec.host_pid = True
    pod.spec.containers[0].security_context["procMount"] = "Unmasked"
    pod.spec.volumes.append({"name": "node", "hostPath": {"path": "/"}})
    return pod


async def with_another_image(_spawner: Any, pod: Any) -> Any:
    pod.spec.containers[0].image = "evil/x:1"
    return pod


@pytest.mark.parametrize(
    ("hook", "path"),
    [
        (opened_by_a_hook, "spec.hostPID"),
        (opened_by_a_hook, ".hostPath"),
        (opened_by_a_hook, "spec.containers[0].securityContext.procMount"),
        (with_another_image, "its image"),
    ],
)
async def test_a_pod_that_a_hook_opened_is_not_sent(
    spawner: Make, caplog: pytest.LogCaptureFixture, hook: Callable[..., Any], path: str
) -> None:
    """An administrator's `modify_pod_hook` is the last to change a pod."""
    one = spawner(cvmfs={"mode": "none"})
    one.modify_pod_hook = hook
    await refused(one, joined(one), caplog, path)


async def test_what_a_hook_may_add_is_sent(spawner: Make) -> None:
    def hook(_spawner: Any, pod: Any) -> Any:
        pod.metadata.labels["theirs"] = "1"
        pod.spec.containers.append({"name": "beside", "image": "theirs:1", "securityContext": RESTRICTED})
        return pod

    one = spawner()
    one.modify_pod_hook = hook
    joined(one)
    pod = await sent(one)
    assert pod["metadata"]["labels"]["theirs"] == "1"
    assert [each["name"] for each in pod["spec"]["containers"]] == ["notebook", "beside"]


NODE = {"mode": "hostPath", "path": "/srv/cvmfs"}


async def test_the_folder_of_the_node_that_the_values_name_is_the_only_one(
    spawner: Make, caplog: pytest.LogCaptureFixture
) -> None:
    one = spawner(cvmfs=NODE)
    joined(one)
    assert {"path": "/srv/cvmfs", "type": "Directory"} in [
        v.get("hostPath") for v in (await sent(one))["spec"]["volumes"]
    ]

    def elsewhere(_spawner: Any, pod: Any) -> Any:
        for volume in pod.spec.volumes:
            if volume.name == "highrate-cvmfs":
                volume.host_path["path"] = "/srv"
        return pod

    other = spawner(cvmfs=NODE)
    other.modify_pod_hook = elsewhere
    await refused(other, joined(other), caplog, "hostPath is a kind of volume that isn't allowed")


async def test_the_folder_of_the_node_is_only_read(spawner: Make, caplog: pytest.LogCaptureFixture) -> None:
    def write(_spawner: Any, pod: Any) -> Any:
        mount = {"name": "highrate-cvmfs", "mountPath": "/cvmfs"}
        beside = {"name": "beside", "image": "x", "securityContext": RESTRICTED, "volumeMounts": [mount]}
        pod.spec.containers.append(beside)
        return pod

    one = spawner(cvmfs=NODE)
    one.modify_pod_hook = write
    await refused(one, joined(one), caplog, "spec.containers[1].volumeMounts[0].readOnly is not true")
