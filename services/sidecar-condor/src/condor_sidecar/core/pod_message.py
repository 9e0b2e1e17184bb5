"""What the wire says of a pod beside its containers: events, its address, why it was ended, and why the site took its job away."""

import ipaddress
from collections.abc import Iterable

from interlink.protocol.types import PodStatus
from interlink.protocol.types import SiteEvent as ToldEvent

from condor_sidecar.core.pod_events import DISRUPTIONS
from condor_sidecar.model.pod_view import PodView
from condor_sidecar.model.result import SiteEvent


def complete(status: PodStatus, events: Iterable[SiteEvent], address: str, view: PodView) -> PodStatus:
    """`status` with the rest, its events beside those it has; `address` is "" where it isn't to be told."""
    before = status.events if isinstance(status.events, list) else []
    told = {event.number: event for event in before}
    for each in events:
        told[each.number] = ToldEvent(each.number, each.time, each.kind, each.reason, each.message, each.container)
    if told:
        status.events = sorted(told.values(), key=lambda event: event.time)
    if address:
        status.podIP = address
    if view.end is not None and view.end.reason in DISRUPTIONS:
        status.disruption = view.end.message
    if view.verdict is not None:
        status.reason, status.message = view.verdict.reason, view.verdict.message
    return status


def is_address(text: str) -> bool:
    """Is it an address under which others could reach the worker node? It comes from there, so it is looked at."""
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return False
    return not (found.is_loopback or found.is_unspecified or found.is_multicast or found.is_link_local)
