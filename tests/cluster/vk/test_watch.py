"""Where the site tells of changes by itself, a pod's status follows without polls."""

from tests.cluster.vk.virtual_node import VirtualNode, eventually
from tests.fakes.interlink_server import ALL_FEATURES, WATCHED, Fault

SELDOM = {"Min": 60, "Max": 600}
POLLS_FAIL = Fault(503, "what is shown now was not asked for")


async def test_a_change_is_shown_without_a_poll(vk: VirtualNode) -> None:
    vk.site.features = WATCHED
    await vk.start(StatusPoll=SELDOM)
    await vk.create("watched")
    await vk.submitted("watched")
    vk.site.running()
    await vk.until("watched", "Running")
    vk.site.faults["/status"] = POLLS_FAIL
    vk.site.ended(code=3)
    pod = await vk.until("watched", "Failed")
    assert pod["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 3


async def test_polls_take_over_where_the_watch_breaks_and_leave_to_the_next_one(vk: VirtualNode) -> None:
    vk.site.features = WATCHED
    await vk.start(StatusPoll=SELDOM)
    await vk.create("watched")
    await vk.submitted("watched")

    async def watched() -> bool:
        return bool(vk.site.calls["/watch"])

    await eventually(watched)
    polls = vk.site.calls["/status"]
    vk.site.faults["/watch"] = Fault(503, "no more watchers")
    vk.site.running()  # the watch ends instead of telling
    await vk.until("watched", "Running")
    assert vk.site.calls["/status"] > polls
    vk.site.faults.clear()
    broken = vk.site.calls["/watch"]

    async def watched_again() -> bool:
        return vk.site.calls["/watch"] > broken

    await eventually(watched_again)
    vk.site.faults["/status"] = POLLS_FAIL
    vk.site.ended(code=3)
    await vk.until("watched", "Failed")


async def test_a_site_that_offers_no_watch_is_polled(vk: VirtualNode) -> None:
    vk.site.features = ALL_FEATURES
    await vk.start()
    await vk.create("polled")
    await vk.submitted("polled")
    vk.site.running()
    await vk.until("polled", "Running")
    assert vk.site.calls["/status"] > 0
    assert vk.site.calls["/watch"] == 0
