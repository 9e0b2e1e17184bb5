"""What arrives at the site: environment, volumes, tokens; and pods that wait for what they name."""

import base64
import json
from typing import Any

from tests.cluster.vk.conftest import put
from tests.cluster.vk.virtual_node import VirtualNode, eventually

HOSTILE = "a 'b' \"c\" $HOME `id` $(date)\n\té€\\"


def sent(vk: VirtualNode, name: str) -> dict[str, Any]:
    return vk.site.named(name).request


def env_of(vk: VirtualNode, name: str) -> dict[str, str]:
    return {v["name"]: v["value"] for v in sent(vk, name)["pod"]["spec"]["containers"][0]["env"]}


async def test_every_source_of_environment(vk: VirtualNode) -> None:
    await put(vk.api, vk.namespace, "configmap", "cm", {"key": "from cm", "other": HOSTILE})
    await put(vk.api, vk.namespace, "secret", "s", {"pw": "geheim €"})
    env = [
        {"name": "PLAIN", "value": HOSTILE},
        {"name": "CM", "valueFrom": {"configMapKeyRef": {"name": "cm", "key": "key"}}},
        {"name": "SECRET", "valueFrom": {"secretKeyRef": {"name": "s", "key": "pw"}}},
        {"name": "MAYBE", "valueFrom": {"secretKeyRef": {"name": "absent", "key": "x", "optional": True}}},
        {"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
        {"name": "HOST", "valueFrom": {"fieldRef": {"fieldPath": "status.hostIP"}}},
        {"name": "LABEL", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['app']"}}},
        {"name": "CPU", "valueFrom": {"resourceFieldRef": {"resource": "requests.cpu", "divisor": "1m"}}},
        {"name": "BOTH", "value": "$(CM) and $(PLAIN) and $$(CM) and $(NOBODY)"},
    ]
    container = {
        "name": "main",
        "image": "busybox",
        "env": env,
        "envFrom": [{"configMapRef": {"name": "cm"}, "prefix": "P_"}],
        "resources": {"requests": {"cpu": "1500m"}},
    }
    await vk.start()
    await vk.create("env", [container], metadata={"name": "env", "labels": {"app": "tests"}})
    await vk.submitted("env")
    assert env_of(vk, "env") == {
        "P_key": "from cm",
        "P_other": HOSTILE,
        "PLAIN": HOSTILE.replace("$(date)", "$(date)"),
        "CM": "from cm",
        "SECRET": "geheim €",
        "NAME": "env",
        "NODE": vk.name,
        "HOST": "127.0.0.1",
        "LABEL": "tests",
        "CPU": "1500",
        "BOTH": f"from cm and {HOSTILE} and $(CM) and $(NOBODY)",
    }


async def test_volumes_arrive_whole_and_the_api_token_stays_here(vk: VirtualNode) -> None:
    await put(vk.api, vk.namespace, "configmap", "cm", {"a": "1", "b": HOSTILE})
    await put(vk.api, vk.namespace, "secret", "s", {"pw": HOSTILE})
    projected = {
        "sources": [
            {"configMap": {"name": "cm", "items": [{"key": "b", "path": "deep/b"}]}},
            {"secret": {"name": "s"}},
            {"downwardAPI": {"items": [{"path": "me", "fieldRef": {"fieldPath": "metadata.name"}}]}},
            {"serviceAccountToken": {"path": "token", "audience": "somewhere", "expirationSeconds": 1200}},
            {"configMap": {"name": "absent", "optional": True}},
        ]
    }
    volumes = [
        {"name": "c", "configMap": {"name": "cm"}},
        {"name": "s", "secret": {"secretName": "s"}},
        {"name": "p", "projected": projected},
        {"name": "d", "downwardAPI": {"items": [{"path": "uid", "fieldRef": {"fieldPath": "metadata.uid"}}]}},
    ]
    mounts = [{"name": v["name"], "mountPath": f"/{v['name']}"} for v in volumes]
    await vk.start()
    made = await vk.create("vol", [{"name": "main", "image": "x", "volumeMounts": mounts}], volumes=volumes)
    assert any(v["name"].startswith("kube-api-access-") for v in made["spec"]["volumes"])
    await vk.submitted("vol")
    request = sent(vk, "vol")
    assert [c["data"] for c in request["configmaps"]] == [{"a": "1", "b": HOSTILE}]
    assert base64.b64decode(request["secrets"][0]["data"]["pw"]).decode() == HOSTILE
    maps = {m["metadata"]["name"]: m["data"] for m in request["projectedvolumesmaps"]}
    assert maps["d"] == {"uid": made["metadata"]["uid"]}
    token = maps["p"].pop("token")
    assert maps["p"] == {"deep/b": HOSTILE, "pw": HOSTILE, "me": "vol"}
    payload = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert claims["aud"] == ["somewhere"]
    assert claims["exp"] - claims["iat"] == 1200
    assert claims["kubernetes.io"]["pod"]["uid"] == made["metadata"]["uid"]
    names = [v["name"] for v in request["pod"]["spec"]["volumes"]]
    assert names == ["c", "s", "p", "d"]
    assert [m["name"] for m in request["pod"]["spec"]["containers"][0]["volumeMounts"]] == names


async def test_the_api_token_is_sent_where_it_is_allowed(vk: VirtualNode) -> None:
    await vk.start(DeliverApiToken=True)
    await vk.create("token")
    await vk.submitted("token")
    (found,) = sent(vk, "token")["projectedvolumesmaps"]
    assert found["data"].keys() == {"token", "ca.crt", "namespace"}
    assert found["data"]["namespace"] == vk.namespace


async def test_a_missing_configmap_makes_the_pod_wait(vk: VirtualNode) -> None:
    reference = {"configMapKeyRef": {"name": "later", "key": "k"}}
    await vk.start()
    await vk.create("waits", [{"name": "main", "image": "x", "env": [{"name": "A", "valueFrom": reference}]}])
    event = await vk.event("waits", "Failed")
    assert 'configmap "later" not found' in event["message"]

    async def shown() -> bool:
        pod = await vk.pod("waits")
        statuses = (pod or {}).get("status", {}).get("containerStatuses") or [{}]
        return bool(statuses[0].get("state", {}).get("waiting", {}).get("reason") == "CreateContainerConfigError")

    await eventually(shown)
    await put(vk.api, vk.namespace, "configmap", "later", {"k": "now"})
    await vk.submitted("waits")
    assert env_of(vk, "waits") == {"A": "now"}


async def test_a_missing_volume_is_a_failed_mount(vk: VirtualNode) -> None:
    await vk.start()
    await vk.create("mount", volumes=[{"name": "v", "secret": {"secretName": "later"}}])
    event = await vk.event("mount", "FailedMount")
    assert event["message"] == 'MountVolume.SetUp failed for volume "v" : secret "later" not found'
    await put(vk.api, vk.namespace, "secret", "later", {"k": "now"})
    await vk.submitted("mount")


async def test_other_namespaces_keep_their_secrets(vk: VirtualNode) -> None:
    await vk.start(Namespaces=["elsewhere"])
    await put(vk.api, vk.namespace, "secret", "s", {"k": "v"})
    await vk.create("curious", volumes=[{"name": "v", "secret": {"secretName": "s"}}])
    assert "may not use" in (await vk.event("curious", "Failed"))["message"]
    assert not vk.site.jobs
