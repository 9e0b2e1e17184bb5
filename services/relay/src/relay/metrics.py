"""What the service counts. Labels hold only values of ours, never what a caller sent."""

from prometheus_client import Counter, Gauge

calls = Counter("relay_calls", "Calls that ended, by how", ["outcome"])
ticket_checks = Counter("relay_ticket_checks", "Signatures that were verified, by the result", ["result"])
listeners = Gauge("relay_listeners", "Listeners whose control connection is open")
kept_places = Gauge("relay_kept_places", "Listeners without connection whose place is kept for their return")
pending = Gauge("relay_pending_calls", "Calls that wait for their listener")
streams = Gauge("relay_streams", "Streams between a dialler and a listener")
passed_bytes = Counter("relay_passed_bytes", "Bytes that were passed on, by the end they went to", ["to"])
held = Counter("relay_held", "How often the source of a stream had to wait, by why", ["why"])
replaced = Counter(
    "relay_replaced_listeners", "Control connections that another one with the same id took the place of"
)
