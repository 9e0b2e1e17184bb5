"""The API server passes a plugin's watch on as it comes, and a client reads it to the last whole line."""

import asyncio
from urllib.parse import parse_qs, urlsplit

import pytest
from interlink.protocol.client import InterlinkClient
from interlink.protocol.errors import LostTrack
from interlink.protocol.features import FEATURES_HEADER

from tests.contract.conftest import Chain

STATUS = b'{"status":{"name":"p","UID":"u","namespace":"n","JID":"j","containers":[],"initContainers":[]}}\n'


async def test_lines_come_as_the_plugin_writes_them(chain: Chain) -> None:
    chain.plugin.log_chunks = [STATUS[:20], STATUS[20:] + b'{"revision":"a.1"}\n']
    chain.plugin.log_gate = asyncio.Event()
    async with asyncio.timeout(10), InterlinkClient(chain.url) as client, client.watch("a node", "a.0") as changes:
        first, second = await anext(changes), await anext(changes)
        assert first.status is not None
        assert (first.status.UID, second.revision) == ("u", "a.1")
    chain.plugin.log_gate = None
    async with asyncio.timeout(10), InterlinkClient(chain.url) as client, client.watch("a node", "a.1") as changes:
        await anext(changes)
    asked = [urlsplit(call.path) for call in chain.plugin.calls]
    assert [(url.path, parse_qs(url.query)) for url in asked] == [
        ("/watch", {"node": ["a node"], "since": [since]}) for since in ("a.0", "a.1")
    ]


async def test_what_is_no_line_of_a_watch_is_an_error(chain: Chain) -> None:
    chain.plugin.log_chunks = [b"<html>\n"]
    async with asyncio.timeout(10), InterlinkClient(chain.url) as client:
        with pytest.raises(LostTrack, match="/watch"):
            async with client.watch("node", "") as changes:
                await anext(changes)


async def test_a_plugin_that_went_away_ends_the_watch_as_lost(chain: Chain) -> None:
    chain.plugin.log_chunks = [STATUS]
    async with asyncio.timeout(10), InterlinkClient(chain.url) as client, client.watch("node", "") as changes:
        assert [change.status is not None async for change in changes] == [True]


async def test_the_feature_is_told_only_if_the_plugin_has_it(chain: Chain) -> None:
    for announced in ("watch", ""):
        headers = {FEATURES_HEADER: announced}
        chain.plugin.replies["/status"] = lambda _, headers=headers: (200, {"status": "ok"}, headers)  # type: ignore[misc]
        async with InterlinkClient(chain.url) as client:
            assert ("watch" in (await client.ping()).features) is bool(announced)
