"""Where a scheduler is, by its pod alone: what it says itself could lead the proxy and the gateway to somebody else."""

from offload_backend.core import places
from offload_backend.core.pod import JsonObject


def of_scheduler(pod: JsonObject, *, dashboard: bool) -> dict[str, str] | None:
    """The addresses under dask-gateway's names; None while the pod has none. A scheduler may run without a dashboard."""
    ip = pod.get("status", {}).get("podIP")
    if not ip:
        return None
    host = f"[{ip}]" if ":" in ip else ip
    return {
        "scheduler_address": f"tls://{host}:{places.SCHEDULER_PORT}",
        "dashboard_address": f"http://{host}:{places.DASHBOARD_PORT}" if dashboard else "",
        "api_address": f"http://{host}:{places.API_PORT}",
    }
