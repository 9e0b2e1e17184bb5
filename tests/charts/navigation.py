"""Ways through rendered objects: pods, containers, what refers to what."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tests.charts.rendering import Object


@dataclass(frozen=True)
class Workload:
    """An object that makes pods."""

    object: Object

    @property
    def name(self) -> str:
        return f"{self.object['kind']}/{self.object['metadata']['name']}"

    @property
    def pod(self) -> Object:
        """The specification of its pods."""
        spec: Object = self.object["spec"]["template"]["spec"]
        return spec

    @property
    def labels(self) -> dict[str, str]:
        """The labels of its pods."""
        labels: dict[str, str] = self.object["spec"]["template"]["metadata"]["labels"]
        return labels

    @property
    def labels_of_each(self) -> list[dict[str, str]]:
        """The labels of each of its pods: those of a StatefulSet have one with their name."""
        if self.object["kind"] != "StatefulSet":
            return [self.labels]
        name = self.object["metadata"]["name"]
        numbers = range(self.object["spec"]["replicas"])
        return [{**self.labels, "statefulset.kubernetes.io/pod-name": f"{name}-{number}"} for number in numbers]

    @property
    def containers(self) -> list[Object]:
        return [*self.pod.get("initContainers", []), *self.pod["containers"]]

    def container(self, name: str) -> Object:
        return next(container for container in self.containers if container["name"] == name)

    def mounts(self, container: str) -> dict[str, str]:
        """What one container mounts: volume name to path."""
        return {mount["name"]: mount["mountPath"] for mount in self.container(container).get("volumeMounts", [])}

    def containers_mounting(self, path: str) -> list[str]:
        """The containers that mount something at `path`, by name."""
        return [c["name"] for c in self.containers if path in self.mounts(c["name"]).values()]


def workloads(objects: Iterable[Object]) -> list[Workload]:
    return [Workload(obj) for obj in objects if "template" in obj.get("spec", {})]


def of_kind(objects: Iterable[Object], *kinds: str) -> list[Object]:
    return [obj for obj in objects if obj["kind"] in kinds]


def one(objects: Iterable[Object], kind: str, ending: str = "") -> Object:
    """The only object of a kind whose name ends so."""
    (found,) = [obj for obj in of_kind(objects, kind) if obj["metadata"]["name"].endswith(ending)]
    return found


def is_jupyterhubs(obj: Object) -> bool:
    """Whether an object comes from JupyterHub's chart, whose older labels say which part it belongs to."""
    return "component" in obj["metadata"]["labels"]


def selects(selector: dict[str, str], labels: dict[str, str]) -> bool:
    return selector.items() <= labels.items()


def references(pod: Object) -> Iterator[tuple[str, str]]:
    """(kind, name) of every object that a pod can't start without."""
    for volume in pod.get("volumes", []):
        for source in [volume, *volume.get("projected", {}).get("sources", [])]:
            if "configMap" in source and not source["configMap"].get("optional"):
                yield "ConfigMap", source["configMap"]["name"]
            if "secret" in source:
                yield "Secret", source["secret"].get("secretName") or source["secret"]["name"]
            if "persistentVolumeClaim" in source:
                yield "PersistentVolumeClaim", source["persistentVolumeClaim"]["claimName"]
    for container in pod["containers"]:
        for variable in container.get("env", []):
            source = variable.get("valueFrom", {})
            for key, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
                if key in source:
                    yield kind, source[key]["name"]
    yield "ServiceAccount", pod.get("serviceAccountName", "default")
