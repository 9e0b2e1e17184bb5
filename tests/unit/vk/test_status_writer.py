"""A status that was refused is not written: whoever wants it written tries again."""

from typing import Any

import pytest
from kubernetes_client.answer import ApiError
from virtual_kubelet.control.status_writer import StatusWriter
from virtual_kubelet.core.registry import Registry

from tests.unit.vk.pods import Json, pod


class Refusing:
    def __init__(self, status: int) -> None:
        self._status = status

    async def patch(self, *_what: Any) -> Json:
        raise ApiError(self._status, "default backend")


@pytest.mark.parametrize("status", [0, 404, 409, 422, 500])
async def test_a_refusal_is_not_taken_for_the_pod_s_end(status: int) -> None:
    registry, api = Registry(), Refusing(status)
    server: Any = api
    known = registry.seen(pod())
    with pytest.raises(ApiError):
        await StatusWriter(server, registry, generations=False).write(known, known.pod(), {"phase": "Succeeded"})
