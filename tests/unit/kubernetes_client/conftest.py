"""A client of whatever answers at the API server's address."""

from collections.abc import AsyncIterator

import pytest
from kubernetes.aio.client import Configuration
from kubernetes_client import api as api_module
from kubernetes_client import watch
from kubernetes_client.api import ApiServer, RequestMetrics
from prometheus_client import CollectorRegistry, Counter, Histogram
from service_runtime.backoff import Backoff

from tests.fakes.between import Between, between, in_turn


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_module, "_BUSY_WAIT", 0.01)
    monkeypatch.setattr(watch, "_BACKOFF", Backoff(0.01, 0.02))
    monkeypatch.setattr(watch, "SHORT_SECONDS", 0.01)


@pytest.fixture
async def there() -> AsyncIterator[Between]:
    """What answers; nothing, until a test says what."""
    async with between(in_turn()) as made:
        yield made


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
async def api(there: Between, registry: CollectorRegistry) -> AsyncIterator[ApiServer]:
    configuration = Configuration()
    configuration.host = there.url
    counter = Counter("requests", "Requests", ["method", "resource", "status"], registry=registry)
    seconds = Histogram("seconds", "Durations", ["method"], registry=registry)
    async with ApiServer(configuration, "tester", RequestMetrics(counter, seconds)) as made:
        yield made
