"""What the service counts. Labels hold only values of ours or of the configuration, never what a caller sent."""

from prometheus_client import Counter, Gauge, Histogram

calls = Counter("token_service_calls", "Calls that arrived, by how they ended", ["outcome"])
call_seconds = Histogram("token_service_call_seconds", "How long a call took, hub and provider included")
rate_limited = Counter(
    "token_service_rate_limited", "Calls refused for their number, by what was counted: user or address", ["counted"]
)
in_flight = Gauge("token_service_calls_in_flight", "Calls that are being answered now")
tokens = Counter(
    "token_service_tokens",
    "Tokens handed out, by where they came from: cache, provider, or a request to the provider that was under way",
    ["profile", "source"],
)
cached = Gauge("token_service_cached_tokens", "Tokens that are kept")
hub_requests = Counter("token_service_hub_requests", "Requests to the hub, by its answer's status", ["status"])
provider_requests = Counter(
    "token_service_provider_requests", "Requests to the provider, by how they ended", ["result"]
)
provider_seconds = Histogram("token_service_provider_seconds", "How long a request to the provider took")
rotated = Counter("token_service_rotated_refresh_tokens", "Answers of the provider with a new refresh token")
