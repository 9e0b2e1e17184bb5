"""Dask's comm over a stream of the relay: its own TLS comm, which has another way to its peer."""

import ssl
from typing import Any

from distributed.comm.tcp import TLS

from highrate.relay.address import PREFIX
from highrate.relay.nested import NestedStream


class RelayComm(TLS):
    """A comm through the relay; `extra_info` is about the inner TLS, whose other end is the peer."""

    stream: NestedStream

    def _read_extra(self) -> None:
        inner = self.stream.inner
        if inner is not None:
            self._extra.update(peercert=inner.getpeercert(), cipher=inner.cipher())


def required_context(connection_args: dict[str, Any]) -> ssl.SSLContext:
    """The context of the inner TLS. Raises TypeError where there is none."""
    context = connection_args.get("ssl_context")
    if not isinstance(context, ssl.SSLContext):
        raise TypeError(
            f"{PREFIX} needs Dask's TLS, since what travels passes others' machines: give Security(...) with a certificate, "
            f"key and authority, or set distributed.comm.tls (the ssl_context is {context!r})"
        )
    return context
