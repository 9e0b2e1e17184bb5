"""Issuers rotate, fail, hang and talk nonsense; whoever has a good token notices as little of it as possible."""

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import Key, RSAKey
from oauth2_proxy.io.discovery import fetch_keys
from oauth2_proxy.io.key_cache import KeyCache
from oauth2_proxy.model.settings import Issuer, Keys
from service_runtime.boundary import keep_running
from service_runtime.openid import IssuerError

from tests.fakes.certificates import Authority
from tests.fakes.issuer import FakeIssuer, Mode, running
from tests.unit.oauth2_proxy.conftest import Edge, StartEdge, eventually, forger


async def until_status(edge: Edge, status: int, **options: Any) -> None:
    """Call until the reply has `status`."""
    async with asyncio.timeout(20):
        while (await edge.call(**options)).status != status:
            await asyncio.sleep(0.02)


OFTEN = {"refresh": 0.05, "pause": 0.01}


async def test_a_new_key_is_fetched_when_a_token_shows_it(start_edge: StartEdge) -> None:
    async with start_edge(keys={"pause": 0.01}) as edge:
        assert (await edge.call()).status == 200
        edge.issuer.rotate("second", keep_old=True)
        await asyncio.sleep(0.02)
        assert (await edge.call()).status == 200
        assert edge.issuer.fetches["keys"] == 2


async def test_a_new_key_under_the_old_name_is_fetched_too(start_edge: StartEdge) -> None:
    """What an issuer does that was set up anew."""
    async with start_edge(keys={"pause": 0.01}) as edge:
        assert (await edge.call()).status == 200
        edge.issuer.rotate("first")
        await asyncio.sleep(0.02)
        assert (await edge.call()).status == 200


async def test_a_key_that_was_withdrawn_counts_no_longer_after_the_next_refresh(start_edge: StartEdge) -> None:
    async with start_edge(keys=OFTEN) as edge:
        old = edge.bearer()
        assert (await edge.call(headers=old)).status == 200
        edge.issuer.rotate("second")
        before = edge.issuer.fetches["keys"]
        await eventually(lambda: edge.issuer.fetches["keys"] >= before + 2, "the keys were fetched again")
        await until_status(edge, 401, headers=old)


async def test_unknown_keys_cost_the_issuer_one_fetch_however_many_are_shown(start_edge: StartEdge) -> None:
    async with start_edge(keys={"pause": 60}) as edge:
        await eventually(lambda: edge.issuer.fetches["keys"] == 1, "the first fetch")
        forged = FakeIssuer(url=edge.issuer.url)
        forged.rotate("forged")
        calls = [edge.call(headers={"Authorization": f"Bearer {forged.token()}"}) for _ in range(20)]
        assert {reply.status for reply in await asyncio.gather(*calls)} == {401}
        assert edge.issuer.fetches["keys"] == 1


async def test_many_callers_with_a_new_key_share_one_fetch(start_edge: StartEdge) -> None:
    async with start_edge(keys={"pause": 0.2}) as edge:
        await eventually(lambda: edge.issuer.fetches["keys"] == 1, "the first fetch")
        edge.issuer.rotate("second")
        await asyncio.sleep(0.25)
        replies = await asyncio.gather(*(edge.call() for _ in range(20)))
        assert {reply.status for reply in replies} == {200}
        assert edge.issuer.fetches["keys"] == 2


@pytest.mark.parametrize("mode", ["fail", "hang", "garbage", "empty", "huge", "redirect"])
async def test_known_keys_serve_on_while_the_issuer_is_out_of_order(start_edge: StartEdge, mode: Mode) -> None:
    async with start_edge(keys={**OFTEN, "deadline": 1 if mode == "hang" else 10}) as edge:
        assert (await edge.call()).status == 200
        edge.issuer.mode = mode
        before = edge.issuer.fetches["discovery"]
        await eventually(lambda: edge.issuer.fetches["discovery"] >= before + 2, "fetches failed")
        assert (await edge.call()).status == 200


@pytest.mark.parametrize("mode", ["fail", "hang"])
async def test_without_any_key_a_caller_is_told_to_come_back_not_that_its_token_is_bad(
    start_edge: StartEdge, mode: Mode
) -> None:
    async with start_edge(FakeIssuer(mode=mode), keys={**OFTEN, "deadline": 1 if mode == "hang" else 10}) as edge:
        reply = await edge.call()
        assert (reply.status, reply.body, reply.headers["Retry-After"]) == (503, b"", "2")
        assert edge.upstream.seen == []
        edge.issuer.mode = "ok"
        edge.issuer.fetches["keys"] = 0
        await eventually(lambda: edge.issuer.fetches["keys"] > 0, "the issuer was asked again")
        await until_status(edge, 200)


async def test_a_key_unknown_while_the_issuer_is_down_is_503_and_a_forged_signature_401(start_edge: StartEdge) -> None:
    async with start_edge(keys={"pause": 0.01}) as edge:
        assert (await edge.call()).status == 200
        edge.issuer.mode = "fail"
        await asyncio.sleep(0.02)
        forged = forger(edge.issuer.url)
        assert (await edge.call(headers={"Authorization": f"Bearer {forged.token()}"})).status == 401
        edge.issuer.rotate("second", keep_old=True)
        assert (await edge.call()).status == 503


async def test_a_caller_that_hangs_up_does_not_break_off_the_fetch_it_asked_for(start_edge: StartEdge) -> None:
    async with start_edge(keys={"pause": 0.01, "deadline": 1}) as edge:
        assert (await edge.call()).status == 200
        edge.issuer.rotate("second")
        edge.issuer.mode = "hang"
        await asyncio.sleep(0.02)
        before = edge.issuer.fetches["discovery"]
        call = asyncio.create_task(edge.call())
        await eventually(lambda: edge.issuer.fetches["discovery"] > before, "the fetch began")
        call.cancel()
        edge.issuer.mode = "ok"
        await until_status(edge, 200)


async def test_what_nobody_expected_of_an_issuer_ends_no_refreshing(
    start_edge: StartEdge, monkeypatch: pytest.MonkeyPatch
) -> None:
    surprises = iter([TypeError("nobody thought of this")])

    async def surprising(issuer: Issuer, deadline: float) -> tuple[Key, ...]:
        for surprise in surprises:
            raise surprise
        return await fetch_keys(issuer, deadline)

    monkeypatch.setattr("oauth2_proxy.app.fetch_keys", surprising)
    monkeypatch.setattr("oauth2_proxy.app.keep_running", partial(keep_running, pause=0.01))
    async with start_edge() as edge:
        await until_status(edge, 200)


KEY = RSAKey.generate_key(2048, {"kid": "k"})


async def started(cache: KeyCache, condition: Callable[[], bool]) -> asyncio.Task[None]:
    task = asyncio.create_task(cache.run())
    await eventually(condition, "the cache did its work")
    return task


async def test_keys_are_dropped_when_their_issuer_was_away_for_too_long() -> None:
    now = [0.0]
    cache = KeyCache("i", Keys(keep=100), lambda: answer((KEY,)), clock=lambda: now[0])
    task = await started(cache, lambda: len(cache.keys) == 1)
    now[0] = 100
    assert len(cache.keys) == 1
    now[0] = 101
    assert len(cache.keys) == 0
    task.cancel()


async def test_whoever_needs_a_new_key_waits_for_a_fetch_that_is_under_way() -> None:
    go_on, fetches = asyncio.Event(), 0

    async def fetch() -> tuple[Key, ...]:
        nonlocal fetches
        fetches += 1
        if fetches > 1:
            await go_on.wait()
        return (KEY,)

    cache = KeyCache("i", Keys(refresh=0.01, pause=60), fetch)
    task = await started(cache, lambda: fetches == 2)
    renewal = asyncio.create_task(cache.renew())
    await asyncio.sleep(0.05)
    assert not renewal.done()
    go_on.set()
    async with asyncio.timeout(5):
        await renewal
    task.cancel()


async def answer(keys: tuple[Key, ...]) -> tuple[Key, ...]:
    return keys


async def test_the_cache_says_why_it_has_no_keys() -> None:
    async def fail() -> tuple[Key, ...]:
        raise IssuerError("no route")

    cache = KeyCache("i", Keys(), fail)
    assert cache.failure is not None
    task = await started(cache, lambda: cache.failure == "no route")
    assert cache.keys == ()
    task.cancel()


def issuer(url: str, **more: Any) -> Issuer:
    return Issuer.model_validate({"issuer": url, "audiences": "any", "allow": "anyone", **more})


async def test_keys_come_over_tls_from_an_issuer_of_a_private_authority(tmp_path: Path) -> None:
    authority = Authority.create(tmp_path)
    async with running(FakeIssuer(), authority.server(tmp_path)) as fake:
        keys = await fetch_keys(issuer(fake.url, ca_file=authority.file), 5)
        assert [key.get("kid") for key in keys] == ["first"]
        with pytest.raises(IssuerError, match="CERTIFICATE_VERIFY_FAILED"):
            await fetch_keys(issuer(fake.url), 5)


async def test_an_issuer_without_its_slash_is_found_all_the_same() -> None:
    async with running(FakeIssuer()) as fake:
        assert await fetch_keys(issuer(fake.url.rstrip("/")), 5)
        assert await fetch_keys(issuer(fake.url), 5)


async def test_a_named_address_of_keys_needs_no_discovery() -> None:
    async with running(FakeIssuer()) as fake:
        assert await fetch_keys(issuer("https://iam.example/", keys_url=f"{fake.url}jwk"), 5)
        assert fake.fetches["discovery"] == 0


@pytest.mark.parametrize("advertised", ["https://other.example/", "https://iam.example/realm"])
async def test_a_description_of_another_issuer_is_not_believed(advertised: str) -> None:
    async with running(FakeIssuer(advertised=advertised)) as fake:
        with pytest.raises(IssuerError, match="another issuer"):
            await fetch_keys(issuer(fake.url), 5)


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("fail", "answers 500"),
        ("hang", "no answer within"),
        ("garbage", "JSONDecodeError"),
        ("empty", "another issuer"),
        ("huge", "more than 524288 bytes"),
        ("redirect", "answers 302"),
    ],
)
async def test_each_way_to_fail_is_told(mode: Mode, words: str) -> None:
    async with running(FakeIssuer(mode=mode)) as fake:
        with pytest.raises(IssuerError, match=words):
            await fetch_keys(issuer(fake.url), 0.3 if mode == "hang" else 10)
        assert fake.fetches["elsewhere"] == 0, "redirects are not followed"


async def test_an_issuer_that_is_not_there_is_told() -> None:
    with pytest.raises(IssuerError, match="Cannot connect"):
        await fetch_keys(issuer("http://127.0.0.1:9/"), 5)
