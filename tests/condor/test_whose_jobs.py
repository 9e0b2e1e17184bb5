"""Only the jobs of the account that the schedd takes the sidecar for are its own; a login that is good for reading is none."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from devcluster.iam import registry
from devcluster.site import layout
from devcluster.site.access import Site

from tests.condor.conftest import CondorSidecar, shell, with_containers

MAPFILE = f"{layout.CONDOR_FILES}/mapfile"
at_the_schedd = pytest.mark.parametrize("own_sidecar", ["schedd"], indirect=True)


@contextmanager
def another_account(site: Site) -> Iterator[None]:
    """The site has an account for the stranger, too: the edge's, which has no jobs."""
    pilots = site.run(["cat", MAPFILE]).stdout
    subject = f"{registry.ISSUER},{registry.STRANGER}".replace(".", r"\.").replace("/", r"\/")
    line = f"SCITOKENS /^{subject}$/ {layout.EDGE_ACCOUNT}@{_domain(pilots)}\n"
    try:
        _put(site, line + pilots)
        yield
    finally:
        _put(site, pilots)


def _domain(mapfile: str) -> str:
    return mapfile.partition(f"{layout.PILOT}@")[2].split()[0]


def _put(site: Site, mapfile: str) -> None:
    site.run(["sh", "-c", 'printf %s "$1" > "$2.new" && mv "$2.new" "$2" && condor_reconfig', "put", mapfile, MAPFILE])


async def trouble(sidecar: CondorSidecar, words: str) -> None:
    """Wait until the sidecar's answer to a ping has these words."""
    async with asyncio.timeout(60):
        while words not in str(await sidecar.call("GET", "/status", [])):
            await asyncio.sleep(0.2)


@pytest.mark.timeout(300)
@pytest.mark.alone
@at_the_schedd
async def test_another_accounts_jobs_are_never_made(own_sidecar: CondorSidecar) -> None:
    sidecar = own_sidecar
    before, during = with_containers(shell("sleep 1000")), with_containers(shell("echo mine"))
    async with sidecar.connected():
        await sidecar.create(before)
        await sidecar.wait_for(before["metadata"]["uid"], "running")
        with another_account(sidecar.site):
            sidecar.new_token(client=registry.STRANGER)
            await trouble(sidecar, f"took this sidecar for {layout.PILOT}@")
            assert (await sidecar.create(during))[0] == 200
            async with asyncio.timeout(60):
                while "whose jobs are others" not in str(await sidecar.states(during["metadata"]["uid"])):
                    await asyncio.sleep(0.2)
            assert not sidecar.jobs(during["metadata"]["uid"])
            assert "running" in (await sidecar.states(before["metadata"]["uid"]))["c"]
        sidecar.new_token()
        assert (await sidecar.wait_for(during["metadata"]["uid"], "terminated"))["exitCode"] == 0
        owner = ["condor_history", "-constraint", f'InterlinkPodUID == "{during["metadata"]["uid"]}"', "-af", "Owner"]
        async with asyncio.timeout(60):
            while not (owners := sidecar.site.run(owner).stdout.split()):
                await asyncio.sleep(0.5)
        assert owners == [layout.PILOT]


@pytest.mark.timeout(300)
@at_the_schedd
async def test_a_login_that_may_only_read_is_trouble_although_queries_would_be_answered(
    own_sidecar: CondorSidecar,
) -> None:
    sidecar = own_sidecar
    async with sidecar.connected():
        sidecar.new_token(scope="compute.read")
        await trouble(sidecar, "lacks the scopes")
        sidecar.new_token()
        await trouble(sidecar, "'status': 'ok'")
