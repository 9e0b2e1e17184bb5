"""What the platform's gateway tells of a cluster beyond dask-gateway's own: workers with their reasons, and logs."""

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import aiohttp
from dask_gateway import Gateway

SECONDS = 30.0
MOST_LINES = 1000


class GatewayUnreachable(Exception):
    """The gateway doesn't answer, or not in a way that helps; the text says what to do."""


async def workers(gateway: Gateway, cluster: str) -> Mapping[str, Any]:
    """The cluster with its sentence, and a row for each worker. Raises GatewayUnreachable, ValueError (no such cluster)."""
    return await _get(gateway, f"clusters/{quote(cluster, safe='')}/workers")


async def log(gateway: Gateway, cluster: str, worker: str | None, lines: int) -> str:
    """The last lines of a worker's log, or of the scheduler's (None). Raises GatewayUnreachable, ValueError (there is none)."""
    if not 1 <= lines <= MOST_LINES:
        raise ValueError(f"lines is {lines}; ask for 1 to {MOST_LINES}")
    whose = "scheduler" if worker is None else f"workers/{quote(worker, safe='')}"
    answer = await _get(gateway, f"clusters/{quote(cluster, safe='')}/{whose}/logs?lines={lines}")
    return str(answer.get("log") or "")


async def _get(gateway: Gateway, path: str) -> Mapping[str, Any]:
    address = gateway.address
    try:
        async with asyncio.timeout(SECONDS):
            response = await gateway._request("GET", f"{address}/api/v1/{path}")
            answer = await response.json()
    except TimeoutError as error:
        raise GatewayUnreachable(f"{address} gave no answer for {SECONDS:g} s; try again in a moment") from error
    except aiohttp.ClientResponseError as error:
        said = f"{error.status} {error.message}".strip()
        raise GatewayUnreachable(f"{address} answers {said}; `highrate doctor` says more") from error
    except (aiohttp.ClientError, OSError) as error:
        raise GatewayUnreachable(f"{address} can't be reached: {error}; `highrate doctor` says more") from error
    if not isinstance(answer, dict):
        raise GatewayUnreachable(f"{address} answers with something that is no gateway's; `highrate doctor` says more")
    return answer
