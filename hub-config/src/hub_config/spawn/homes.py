"""Whose a home is: written on its claim, since claims outlive the hub's users and a name may be given to somebody else.

The hub's database pins a person to a name only as long as it knows the user. A claim is named after the name; what is written on it
is a hash of the provider and its subject. Who has the name, but is somebody else, doesn't get the home.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any

ANNOTATION = "highrate/home-of"
# What an administrator writes to give a home to whoever has the name and starts a server next.
NEXT = "next"
# Between the clocks of the hub and of Kubernetes.
_CLOCKS = timedelta(minutes=10)


class Whose(Enum):
    THEIRS = "theirs"
    TO_TAKE = "nobody is written on it, and it can only be theirs; or an administrator gave it"
    OTHERS = "somebody else's, or nobody knows whose"
    NOBODYS = "it is being deleted"


def mark(issuer: str, subject: str) -> str:
    """What is written on the claims of a person. A hash: claims are shown to people whom the subject is no business of."""
    return hashlib.sha256(json.dumps([issuer.rstrip("/"), subject]).encode()).hexdigest()


def whose(claim: Mapping[str, Any], person: str | None, known_since: datetime | None) -> Whose:
    """Whose a claim (as JSON) is, seen from `person`, a mark; None where logins have no subjects.

    `known_since` is when the hub's database first had the user. A claim without an annotation that is older than that was made for
    a user who was deleted, perhaps somebody else.
    """
    metadata = claim["metadata"]
    if metadata.get("deletionTimestamp"):
        return Whose.NOBODYS  # no pod that names it would start, and once it is gone there is a new one
    written = (metadata.get("annotations") or {}).get(ANNOTATION)
    if written is None:
        made = datetime.fromisoformat(metadata["creationTimestamp"])
        unknown = person is not None and known_since is not None and made < _aware(known_since) - _CLOCKS
        return Whose.OTHERS if unknown else Whose.TO_TAKE
    if written == person:
        return Whose.THEIRS
    return Whose.TO_TAKE if written == NEXT and person is not None else Whose.OTHERS


def refusal(name: str, claim: str, person: str | None) -> str:
    if person is None:
        return f'The hub doesn\'t know whose account "{name}" is at the moment: log out and in again.'
    return (
        f'The home of "{name}" here was made for another account. If it is to be yours, ask the platform\'s administrators to '
        f"annotate the claim {claim} with {ANNOTATION}={NEXT}."
    )


def going(name: str) -> str:
    return (
        f'The home of "{name}" is being deleted, which ends when no server uses it any more. Stop your other servers and start '
        "again in a minute: with a new home, which is empty."
    )


def _aware(moment: datetime) -> datetime:
    """JupyterHub's database has UTC without saying so."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
