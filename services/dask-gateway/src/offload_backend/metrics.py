"""What the gateway's backend counts."""

from kubernetes_client.api import RequestMetrics
from prometheus_client import Counter, Gauge, Histogram

API = RequestMetrics(
    Counter("offload_api_requests_total", "Requests to the API server", ["method", "resource", "status"]),
    Histogram("offload_api_request_seconds", "Duration of requests to the API server", ["method"]),
)
CLUSTERS = Gauge("offload_clusters", "Clusters that have not ended, by status", ["status"])
WORKERS = Gauge("offload_workers", "Workers that have not ended, by site and status", ["site", "status"])
ENDED = Counter("offload_clusters_ended_total", "Clusters ended by the gateway, by cause", ["cause"])
ORPHANS = Counter("offload_orphans_total", "Pods without a cluster that were removed")
HUB_REQUESTS = Counter("offload_hub_requests_total", "Requests to the hub about users' servers", ["result"])
LOOP_FAILURES = Counter("offload_loop_failures_total", "Loops that failed and were started again", ["loop"])
