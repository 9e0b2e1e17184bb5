"""The variables by which containers find Services (`SVC_SERVICE_HOST` and its kin), as a kubelet makes them.

Off unless the node's configuration says that its jobs reach cluster addresses (ServiceLinks): elsewhere a program that finds them
takes the site for a cluster. Rules: Kubernetes' pkg/kubelet/envvars and getServiceEnvVarMap.
"""

from collections.abc import Iterable

from virtual_kubelet.model.pod import JsonObject

MASTER = ("default", "kubernetes")  # told to every pod, whether or not it wants service links


def service_variables(pod: JsonObject, services: Iterable[JsonObject]) -> dict[str, str]:
    """Variables of the Services of the pod's namespace that it wants to know of, and of the API server's."""
    links = pod["spec"].get("enableServiceLinks", True) is not False
    namespace = pod["metadata"].get("namespace", "default")
    found: dict[str, str] = {}
    for service in services:
        meta = service["metadata"]
        here = links and meta.get("namespace") == namespace
        if (here or (meta.get("namespace"), meta["name"]) == MASTER) and _has_address(service):
            found |= _variables(service)
    return found


def _has_address(service: JsonObject) -> bool:
    return service["spec"].get("clusterIP") not in (None, "", "None") and bool(service["spec"].get("ports"))


def _variables(service: JsonObject) -> dict[str, str]:
    prefix = _shouted(service["metadata"]["name"])
    address, ports = service["spec"]["clusterIP"], service["spec"]["ports"]
    made = {f"{prefix}_SERVICE_HOST": address, f"{prefix}_SERVICE_PORT": str(ports[0]["port"])}
    made |= {f"{prefix}_SERVICE_PORT_{_shouted(port['name'])}": str(port["port"]) for port in ports if port.get("name")}
    for number, port in enumerate(ports):
        protocol = (port.get("protocol") or "TCP").lower()
        link = f"{prefix}_PORT_{port['port']}_{protocol.upper()}"
        url = f"{protocol}://{f'[{address}]' if ':' in address else address}:{port['port']}"
        if number == 0:
            made[f"{prefix}_PORT"] = url
        made |= {link: url, f"{link}_PROTO": protocol, f"{link}_PORT": str(port["port"]), f"{link}_ADDR": address}
    return made


def _shouted(name: str) -> str:
    return name.upper().replace("-", "_")
