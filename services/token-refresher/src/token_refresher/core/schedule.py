"""When to ask for the next token."""

SHORTEST_WAIT = 5.0  # however short-lived a token is, the issuer is not asked more often
SPREAD = 0.1


def wait_after_success(lifetime: float, fraction: float, luck: float) -> float:
    """Seconds to wait when the token at hand lives for `lifetime` seconds; `luck` in 0..1 spreads those who began
    together over the last tenth of the wait."""
    return max(SHORTEST_WAIT, lifetime * fraction * (1 - SPREAD * luck))
