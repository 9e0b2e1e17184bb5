"""Our own chart, installed by Helm: one release per entrance of the site, named as the node that it adds."""

import json
from base64 import b64encode
from pathlib import Path

from devcluster.charts import assemble
from devcluster.iam import registry
from devcluster.iam.service import secrets_file
from devcluster.kubernetes.cluster import wait_until
from devcluster.platform import Platform
from devcluster.site.layout import ENDPOINTS
from devcluster.steps import StepLog

NAMESPACE = "highrate"
TEST_NAMESPACE = "highrate-tests"
"""Whose pods may use their ConfigMaps and Secrets too: tests leave the release's own namespace alone."""
CHART = Path("charts/virtual-node")
TIMEOUT = "180s"


def values(endpoint: str, *, repository: str, tag: str, authority: str) -> dict[str, object]:
    """What the chart is told; ``authority`` is the platform's certificate."""
    return {
        "nodeName": ENDPOINTS[endpoint].node_name,
        "image": {"repository": repository, "tag": tag, "pullPolicy": "IfNotPresent"},
        "namespaces": [NAMESPACE, TEST_NAMESPACE],
        "edge": {"mode": "remote", "url": ENDPOINTS[endpoint].edge_url},
        "token": {
            "issuer": registry.ISSUER,
            "clientId": registry.VK,
            "audience": registry.EDGE_AUDIENCE,
            "scope": "wlcg wlcg.groups",
            "existingSecret": _secret_name(endpoint),
        },
        "caBundle": {"certificates": authority},
    }


def install(platform: Platform, endpoint: str, log: StepLog) -> None:
    """Install or upgrade the release and wait for its pods. Raises CommandFailed."""
    checkout, name = platform.checkout, ENDPOINTS[endpoint].node_name
    image = platform.image("services")
    authority = platform.authority.pair.certificate.read_text()
    folder = checkout.run / "releases" / name
    folder.mkdir(parents=True, exist_ok=True)
    chart = assemble(checkout.root / CHART, folder)
    given = folder / "values.json"
    given.write_text(
        json.dumps(values(endpoint, repository=image.repository, tag=image.tag, authority=authority), indent=1)
    )
    platform.kubectl.apply(_namespaces_and_secret(platform, endpoint))
    log.run(
        [
            *(platform.helm, "upgrade", "--install", name, chart, f"--kubeconfig={checkout.kubeconfig}"),
            *(f"--namespace={NAMESPACE}", f"--values={given}", "--wait", f"--timeout={TIMEOUT}"),
        ]
    )


def wait_for_virtual_node(platform: Platform, endpoint: str, log: StepLog) -> None:
    """Until the node is Ready and its site answers. Raises NotReady with the node's own words."""
    name = ENDPOINTS[endpoint].node_name

    def well() -> bool:
        node = json.loads(platform.kubectl("get", "node", name, "-o=json"))
        conditions = {each["type"]: each for each in node["status"].get("conditions", [])}
        said = {kind: conditions.get(kind, {}).get("status", "unknown") for kind in ("Ready", "InterlinkConnectivity")}
        reason = conditions.get("InterlinkConnectivity", {}).get("message", "")
        log.note(", ".join(f"{kind}={status}" for kind, status in said.items()))
        if set(said.values()) != {"True"}:
            raise TimeoutError(f"{said} {reason}")
        return True

    wait_until(well, 90, f"virtual node {name}")


def _secret_name(endpoint: str) -> str:
    return f"{ENDPOINTS[endpoint].node_name}-token"


def _namespaces_and_secret(platform: Platform, endpoint: str) -> list[dict[str, object]]:
    known = registry.ensure_secrets(secrets_file(platform.checkout))
    encoded = b64encode(known.clients[registry.VK].encode()).decode()
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": TEST_NAMESPACE}},
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": _secret_name(endpoint), "namespace": NAMESPACE},
            "data": {"client-secret": encoded},
        },
    ]
