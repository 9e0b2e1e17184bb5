"""What the virtual kubelet counts."""

from kubernetes_client.api import RequestMetrics
from prometheus_client import Counter, Gauge, Histogram

PODS = Gauge("virtual_kubelet_pods", "Pods bound to the node, by how far their hand-over got.", ["stage"])
QUEUE = Gauge(
    "virtual_kubelet_queue_pods",
    "Pods in the work queue, by lane and state (ready, active, delayed).",
    ["lane", "state"],
)
RETRIES = Counter("virtual_kubelet_retries_total", "Steps that failed and were put off.", ["kind"])
API = RequestMetrics(
    Counter("virtual_kubelet_api_requests_total", "Requests to the API server.", ["verb", "resource", "status"]),
    Histogram("virtual_kubelet_api_seconds", "Duration of requests to the API server.", ["verb"]),
)
CALLS = Counter("virtual_kubelet_interlink_calls_total", "Calls to the interLink API server.", ["operation", "outcome"])
CALL_SECONDS = Histogram(
    "virtual_kubelet_interlink_seconds", "Duration of calls to the interLink API server.", ["operation"]
)
POLL_WAIT = Gauge("virtual_kubelet_poll_wait_seconds", "Present wait between polls for job states.")
WATCHING = Gauge("virtual_kubelet_watching", "1 while the other side tells of changes by itself.")
LAST_POLL = Gauge("virtual_kubelet_last_poll_timestamp_seconds", "Time of the last poll that was answered.")
LAST_PING = Gauge("virtual_kubelet_last_ping_timestamp_seconds", "Time of the last ping that was answered.")
CONNECTED = Gauge("virtual_kubelet_interlink_connected", "1 if the interLink API server is believed to be there.")
SUSPECTS = Gauge(
    "virtual_kubelet_suspected_orphans", "Jobs without a pod at the last comparison with the server's list."
)
SWEPT = Counter("virtual_kubelet_swept_jobs_total", "Jobs removed because their pods had vanished.")
UPDATES = Counter("virtual_kubelet_updates_total", "Running pods that were given new content at the site.")
EVENTS_DROPPED = Counter("virtual_kubelet_events_dropped_total", "Kubernetes events that were not written.", ["why"])
LOOP_FAILURES = Counter(
    "virtual_kubelet_loop_failures_total", "Unexpected errors in a loop, which then goes on.", ["loop"]
)
