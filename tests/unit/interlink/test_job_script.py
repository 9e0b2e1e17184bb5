"""Asking an external builder for a job's script."""

import ssl
import threading

import pytest
from interlink.protocol.errors import NotNow
from interlink.protocol.types import RetrievedPodData
from interlink.server.job_script import build_job_script
from service_runtime.tls import client_ssl_context


async def test_the_authorities_of_a_builder_are_not_read_in_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    readers = list[threading.Thread]()

    def reading() -> ssl.SSLContext:
        readers.append(threading.current_thread())
        return client_ssl_context()

    for module in ("interlink.server.job_script", "service_runtime.http_client"):
        monkeypatch.setattr(f"{module}.client_ssl_context", reading, raising=False)
    with pytest.raises(NotNow):
        await build_job_script("https://127.0.0.1:9", RetrievedPodData(pod={}, container=[]))
    assert readers and threading.current_thread() not in readers
