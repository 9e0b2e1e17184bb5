"""Which jobs have no pod any more: those whose pods vanished by force while nobody watched.

Absence is weak evidence, so it takes two complete lists of the other side, minutes apart, on both of which the job stands while no
pod of ours has its UID; the caller then asks the API server for the very pod, and only a few jobs go per pass.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from interlink.protocol.types import PodStatus

LIMIT_PER_PASS = 10


@dataclass(frozen=True, slots=True)
class Suspects:
    """Jobs without a pod, by UID, with the time of the list that first showed them so."""

    since: Mapping[str, float] = field(default_factory=dict)


def suspects(before: Suspects, listed: Iterable[PodStatus], is_known: Callable[[str], bool], now: float) -> Suspects:
    """The suspects after another complete list. Who has a pod, or left the list, is no suspect any more."""
    orphans = {status.UID for status in listed if status.UID and not is_known(status.UID)}
    return Suspects({uid: before.since.get(uid, now) for uid in sorted(orphans)})


def to_sweep(found: Suspects, now: float, patience: float) -> list[str]:
    """The UIDs to confirm at the API server and remove in this pass; `patience` seconds lie between their two lists."""
    old = sorted((since, uid) for uid, since in found.since.items() if now - since >= patience)
    return [uid for _, uid in old[:LIMIT_PER_PASS]]
