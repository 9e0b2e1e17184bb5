"""The whole platform as one release of our chart: the hub, the token service, and a virtual node for each entrance of the site."""

import json
from pathlib import Path

from devcluster import hub_address
from devcluster.charts import assemble, jupyterhub_chart
from devcluster.iam import registry
from devcluster.iam.service import secrets_file
from devcluster.kubernetes.cluster import wait_until
from devcluster.platform import Platform
from devcluster.release_objects import Credentials, objects
from devcluster.release_values import NAME, NAMESPACE, Object, values
from devcluster.steps import StepLog

CHART = Path("charts/highrate")
TIMEOUT = "240s"
_UNFINISHED = "owner=helm,name={name},status in (pending-install,pending-upgrade,pending-rollback)"


def install(platform: Platform, log: StepLog, changes: Object | None = None) -> None:
    """One `helm upgrade --install` of everything, and wait for its pods. Raises CommandFailed.

    ``changes`` are values that win over the usual ones; the next install without them takes them back.
    """
    checkout, kubectl = platform.checkout, platform.kubectl
    folder = checkout.run / "release"
    folder.mkdir(parents=True, exist_ok=True)
    chart = assemble(checkout.root / CHART, folder, {"jupyterhub": jupyterhub_chart(checkout.root).folder})
    given, changed = folder / "values.json", folder / "changes.json"
    images = {name: recipe.image for name, recipe in platform.recipes.items()}
    given.write_text(json.dumps(values(images, platform.authority.pair.certificate.read_text()), indent=1))
    changed.write_text(json.dumps(changes or {}, indent=1))
    kubectl.apply(objects(_credentials(platform)))
    # What a killed helm left half done it would take for another helm at work, for ever.
    kubectl("delete", "secrets", f"--namespace={NAMESPACE}", f"--selector={_UNFINISHED.format(name=NAME)}")
    log.run(
        [
            *(platform.helm, "upgrade", "--install", NAME, chart, f"--kubeconfig={checkout.kubeconfig}"),
            *(f"--namespace={NAMESPACE}", f"--values={given}", f"--values={changed}", "--wait", f"--timeout={TIMEOUT}"),
        ]
    )


def wait_for_virtual_node(platform: Platform, name: str, log: StepLog) -> None:
    """Until the node is Ready and its site answers. Raises NotReady with the node's own words."""

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


def _credentials(platform: Platform) -> Credentials:
    authority = platform.authority
    hub = hub_address.certificate(authority, platform.network.plan)
    return Credentials(
        hub_certificate=hub.certificate.read_text(),
        hub_key=hub.key.read_text(),
        clients=registry.ensure_secrets(secrets_file(platform.checkout)).clients,
    )
