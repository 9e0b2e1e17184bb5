"""What the refresher counts; `name` is the token's name in the configuration."""

from prometheus_client import Counter, Gauge

refreshes = Counter("token_refresher_refreshes", "Attempts to get a token", ["name", "result"])
expires = Gauge("token_refresher_expires_timestamp_seconds", "When the token in the file expires", ["name"])
last_success = Gauge("token_refresher_last_success_timestamp_seconds", "When a token was last written", ["name"])
