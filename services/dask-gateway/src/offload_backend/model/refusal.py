"""Why a caller isn't served."""


class CallerRefused(Exception):
    """Whoever calls is no server of a user, as far as the hub says. The text is for the caller, and holds nothing of a token."""


class HubUnavailable(Exception):
    """The hub doesn't say whose a token is. The text is for the log."""
