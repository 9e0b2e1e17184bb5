"""The files of a rendered pod, laid out in a folder as the kubelet would mount them, and its environment."""

import base64
from collections.abc import Mapping
from pathlib import Path

from tests.charts.navigation import Workload, of_kind
from tests.charts.rendering import Object

# What administrators make by hand, by the name of the object: files and their texts.
Given = Mapping[str, Mapping[str, str]]


def mount(objects: list[Object], workload: Workload, container: str, given: Given, folder: Path) -> None:
    """Write what one container mounts from ConfigMaps and Secrets below `folder`, at the paths of the mounts."""
    volumes = {volume["name"]: volume for volume in workload.pod["volumes"]}
    for place in workload.container(container)["volumeMounts"]:
        files = _files(objects, volumes[place["name"]], given)
        target = folder / place["mountPath"].lstrip("/")
        if "subPath" in place and place["subPath"] in files:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(files[place["subPath"]], encoding="utf-8")
            continue
        for name, text in files.items():
            target.mkdir(parents=True, exist_ok=True)
            (target / name).write_text(text, encoding="utf-8")


def environment(objects: list[Object], workload: Workload, container: str) -> dict[str, str]:
    """What a container's process has in its environment, with the variables of the namespace's Services."""
    found: dict[str, str] = {}
    for service in of_kind(objects, "Service"):
        prefix = service["metadata"]["name"].upper().replace("-", "_")
        found[f"{prefix}_SERVICE_HOST"] = "192.0.2.1"
        found[f"{prefix}_SERVICE_PORT"] = str(service["spec"]["ports"][0]["port"])
    for variable in workload.container(container).get("env", []):
        source = variable.get("valueFrom", {})
        if "secretKeyRef" in source:
            found[variable["name"]] = _data(objects, "Secret", source["secretKeyRef"]["name"])[
                source["secretKeyRef"]["key"]
            ]
        elif "fieldRef" in source:
            fields = {"metadata.namespace": "highrate", "metadata.name": "a-pod", "status.podIP": "192.0.2.2"}
            found[variable["name"]] = fields[source["fieldRef"]["fieldPath"]]
        else:
            found[variable["name"]] = variable["value"]
    return found


def _files(objects: list[Object], volume: Object, given: Given) -> dict[str, str]:
    """The files of one volume; none for what isn't a ConfigMap or a Secret, or is optional and not there."""
    if "configMap" in volume:
        source, kind, name = volume["configMap"], "ConfigMap", volume["configMap"]["name"]
    elif "secret" in volume:
        source, kind, name = volume["secret"], "Secret", volume["secret"]["secretName"]
    else:
        return {}
    data = dict(given[name]) if name in given else _data(objects, kind, name)
    if not data:
        assert source.get("optional"), f"nobody makes {kind} {name}"
        return {}
    return {item["path"]: data[item["key"]] for item in source["items"]} if "items" in source else data


def _data(objects: list[Object], kind: str, name: str) -> dict[str, str]:
    for obj in of_kind(objects, kind):
        if obj["metadata"]["name"] == name:
            plain = obj.get("data", {})
            if kind == "Secret":
                plain = {key: base64.b64decode(text).decode() for key, text in plain.items()}
            return {**plain, **obj.get("stringData", {})}
    return {}
