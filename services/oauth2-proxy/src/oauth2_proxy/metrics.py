"""What the proxy counts. Labels hold only values of ours or of the configuration, never what a caller sent."""

from prometheus_client import Counter, Gauge

requests = Counter("oauth2_proxy_requests", "Calls that arrived, by the verdict on their token", ["outcome"])
forwards = Counter("oauth2_proxy_forwards", "Calls passed to the upstream, by how that ended", ["result"])
forwarding = Gauge("oauth2_proxy_forwards_in_flight", "Calls that are being passed on now")
streaming = Gauge("oauth2_proxy_streams", "Replies without a length that are running now, such as followed logs")
channels = Gauge("oauth2_proxy_job_channels", "Jobs' connections that are carried now")
channel_calls = Counter(
    "oauth2_proxy_job_channel_calls", "Connections that jobs asked for, by how that ended", ["result"]
)
key_refreshes = Counter("oauth2_proxy_key_refreshes", "Fetches of an issuer's published keys", ["issuer", "result"])
keys_last_success = Gauge(
    "oauth2_proxy_keys_last_success_timestamp_seconds", "When the issuer's keys were last fetched", ["issuer"]
)
loop_failures = Counter("oauth2_proxy_loop_failures", "Unexpected errors in a loop, which then goes on", ["loop"])
