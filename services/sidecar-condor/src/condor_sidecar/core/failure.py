"""What HTCondor's error texts mean.

The binding has one exception for everything, and the texts differ from call to call (`locate` and `act` say only that
they failed), so this is a reading of known words, with "unreachable" where nothing is known.
"""

from condor_sidecar.model.calls import Failure, FailureKind

_LOGIN = (
    "AUTHENTICATE:",
    "Failed communication with collector",
    "Error when performing action on the schedd",
    "Failed to start command",
)
_DENIED = ("SECMAN:2010", "PERMISSION DENIED")
_UNREACHABLE = ("SECMAN:200", "Failed to connect", "Failed to fetch ads", "CEDAR:", "locate", "DCSchedd:2")
_REFUSED = ("SCHEDD:", "SUBMIT:", "Unable to edit jobs", "Invalid")


def classify(text: str, nothing_happened: bool) -> Failure:
    """The failure that `text` stands for; where `nothing_happened` is False, an unknown text means an unknown outcome."""
    for kind, words in (
        (FailureKind.DENIED, _DENIED),
        (FailureKind.REFUSED_LOGIN, _LOGIN),
    ):
        if any(word in text for word in words):
            return Failure(kind if nothing_happened else FailureKind.UNKNOWN, text)
    if not nothing_happened:
        return Failure(FailureKind.UNKNOWN, text)
    if any(word in text for word in _REFUSED):
        return Failure(FailureKind.REFUSED, text)
    if any(word in text for word in _UNREACHABLE):
        return Failure(FailureKind.UNREACHABLE, text)
    return Failure(FailureKind.REFUSED, text)
