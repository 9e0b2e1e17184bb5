"""The sidecar's Prometheus metrics."""

from prometheus_client import Counter, Gauge, Histogram

CALLS = Counter("condor_sidecar_requests_total", "Requests by path and status", ["path", "status"])
CALL_SECONDS = Histogram(
    "condor_sidecar_request_seconds",
    "Time to answer a request (logs: to its first byte)",
    ["path"],
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1, 5),
)
SCHEDD_CALLS = Counter(
    "condor_sidecar_schedd_calls_total", "Calls to the schedd by kind and outcome", ["call", "outcome"]
)
SCHEDD_SECONDS = Histogram(
    "condor_sidecar_schedd_call_seconds",
    "Duration of calls to the schedd",
    ["call"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
)
WORKER_STARTS = Counter("condor_sidecar_worker_starts_total", "Worker processes started, by role", ["role"])
PODS = Gauge("condor_sidecar_pods", "Pods held, by stage", ["stage"])
SUBMITTED = Counter("condor_sidecar_jobs_submitted_total", "Jobs put into the queue")
SUBMIT_RETRIES = Counter("condor_sidecar_submit_retries_total", "Submissions that failed and are tried again")
HOLDS = Counter("condor_sidecar_holds_total", "Holds seen, by HoldReasonCode", ["code"])
DUPLICATES = Counter("condor_sidecar_duplicate_jobs_total", "Jobs removed because their pod had another one")
DELETES_PENDING = Gauge("condor_sidecar_deletes_pending", "Deletes answered, but not done yet")
LOOP_FAILURES = Counter(
    "condor_sidecar_loop_failures_total", "Unexpected errors in a loop, which then goes on", ["loop"]
)
CHANNELS = Gauge("condor_sidecar_channels", "Jobs connected to the job channel")
CHANNEL_REFUSALS = Counter(
    "condor_sidecar_channel_refusals_total",
    "Connections to the job channel that were refused or ended here",
    ["reason"],
)
LAST_POLL = Gauge("condor_sidecar_last_poll_timestamp_seconds", "When the schedd last answered a query")
TOKEN_EXPIRY = Gauge(
    "condor_sidecar_token_expiry_timestamp_seconds", "When the token in the token file expires (0: none)"
)
STORED_BYTES = Gauge("condor_sidecar_output_bytes", "Disk taken by fetched logs")
LIVE_BYTES = Gauge("condor_sidecar_live_log_bytes", "Memory taken by logs of running jobs, as read last")
JOURNAL_BYTES = Gauge("condor_sidecar_journal_payload_bytes", "Payloads of pods whose job hasn't started")
