"""What the API server sends to a plugin, and what it accepts from plugins of every age."""

import json

import pytest

from tests.contract.conftest import Chain
from tests.contract.messages import CREATE, OTHER_UID, UID, log_request, pod, status


async def post(chain: Chain, path: str, body: object, method: str = "POST") -> tuple[int, str]:
    async with chain.client.request(method, path, data=json.dumps(body).encode()) as response:
        return response.status, await response.text()


async def test_create_carries_each_container_with_what_it_mounts(chain: Chain) -> None:
    assert (await post(chain, "/create", CREATE))[0] == 200
    (call,) = chain.plugin.calls
    assert (call.method, call.path, call.headers["Host"]) == ("POST", "/create", "unix")
    assert call.body["pod"] == CREATE["pod"]
    nothing = {"configMaps": None, "projectedvolumemaps": None, "secrets": None, "emptyDirs": None}
    assert call.body["container"] == [
        {**nothing, "name": "first"},
        {
            **nothing,
            "name": "c",
            "configMaps": CREATE["configmaps"],
            "projectedvolumemaps": CREATE["projectedvolumesmaps"],
        },
        {**nothing, "name": "d", "secrets": CREATE["secrets"]},
        {**nothing, "name": "e"},
    ]
    assert set(call.body["jobConfig"]) == {"SingularityHubProxy", "ApptainerOptions", "Volumes"}
    assert "jobScript" not in call.body


async def test_a_create_reply_as_a_list_with_201_is_taken(chain: Chain) -> None:
    chain.plugin.replies["/create"] = lambda _: (201, [{"podUID": UID, "podJID": "7", "extra": 1}], {})
    code, text = await post(chain, "/create", CREATE)
    assert (code, json.loads(text)) == (200, {"PodUID": UID, "PodJID": "7"})


async def test_a_plugin_that_wants_a_list_is_given_one_after_a_422(chain: Chain) -> None:
    def strict(body: object) -> tuple[int, object, dict[str, str]]:
        if isinstance(body, list) and set(body[0]) == {"pod", "container"}:
            return 200, {"PodUID": UID, "PodJID": "7"}, {}
        return 422, "value is not a valid list", {}

    chain.plugin.replies["/create"] = strict
    assert (await post(chain, "/create", CREATE))[0] == 200
    assert [isinstance(c.body, list) for c in chain.plugin.calls] == [False, True]


async def test_a_rejection_keeps_its_status_and_words(chain: Chain) -> None:
    chain.plugin.replies["/create"] = lambda _: (422, "hostPath is not allowed\nno such queue", {})
    code, text = await post(chain, "/create", CREATE)
    assert (code, text.splitlines()) == (422, ["hostPath is not allowed", "no such queue"])


async def test_a_create_that_grew_too_large_is_explained(chain: Chain) -> None:
    """An object goes along once for each container that mounts it."""
    volumes = [{"name": "v", "configMap": {"name": "weights"}}]
    containers = [{"name": f"c{number}", "volumeMounts": [{"name": "v"}]} for number in range(4)]
    grown = {
        "pod": {**pod(), "spec": {"volumes": volumes, "containers": containers}},
        "configmaps": [{"metadata": {"name": "weights"}, "data": {"x": "x" * 900_000}}],
    }
    chain.plugin.replies["/create"] = lambda _: (413, "too much", {})
    code, text = await post(chain, "/create", grown)
    assert code == 413
    assert "ConfigMap weights: 3515 KiB in 4 container(s)" in text
    assert text.splitlines()[1:] == ["too much"]


async def test_not_now_keeps_its_waiting_time(chain: Chain) -> None:
    chain.plugin.replies["/create"] = lambda _: (503, "journal is full", {"Retry-After": "7"})
    async with chain.client.request("POST", "/create", data=json.dumps(CREATE).encode()) as response:
        assert (response.status, response.headers["Retry-After"]) == (503, "7")


async def test_status_is_asked_for_many_pods_in_one_call_and_sorted_by_uid(chain: Chain) -> None:
    chain.plugin.replies["/status"] = lambda _: (200, [status(OTHER_UID), status(UID)], {})
    code, text = await post(chain, "/status", [pod(UID), pod(OTHER_UID)], "GET")
    assert code == 200
    assert [s["UID"] for s in json.loads(text)] == [UID, OTHER_UID]
    assert [(c.method, len(c.body)) for c in chain.plugin.calls] == [("GET", 2)]


async def test_a_plugin_that_answers_only_for_the_first_pod_is_asked_for_each(chain: Chain) -> None:
    chain.plugin.replies["/status"] = lambda body: (200, [status(body[0]["metadata"]["uid"])], {})
    _, text = await post(chain, "/status", [pod(UID), pod(OTHER_UID)], "GET")
    assert [s["UID"] for s in json.loads(text)] == [UID, OTHER_UID]
    chain.plugin.calls.clear()
    await post(chain, "/status", [pod(UID), pod(OTHER_UID)], "GET")
    assert sorted(len(c.body) for c in chain.plugin.calls) == [1, 1], "what was learnt is forgotten"


async def test_one_bad_pod_does_not_hide_the_others_of_a_list(chain: Chain) -> None:
    def poisoned(body: list[dict[str, dict[str, str]]]) -> tuple[int, object, dict[str, str]]:
        uids = [p["metadata"]["uid"] for p in body]
        return (500, "unreadable", {}) if OTHER_UID in uids else (200, [status(UID)], {})

    chain.plugin.replies["/status"] = poisoned
    _, text = await post(chain, "/status", [pod(UID), pod(OTHER_UID)], "GET")
    assert [s["UID"] for s in json.loads(text)] == [UID]


async def test_statuses_of_pods_nobody_asked_for_are_not_shown(chain: Chain) -> None:
    chain.plugin.replies["/status"] = lambda _: (200, [status(OTHER_UID)], {})
    assert (await post(chain, "/status", [pod(UID)], "GET"))[1] == "[]"
    assert (await post(chain, "/status", [], "GET"))[1] == "[]"


async def test_delete_is_posted_with_the_same_pod_and_an_unknown_pod_is_as_good_as_deleted(chain: Chain) -> None:
    chain.plugin.replies["/delete"] = lambda _: (404, "unknown", {})
    assert (await post(chain, "/delete", pod(), "DELETE"))[0] == 200
    (call,) = chain.plugin.calls
    assert (call.method, call.body) == ("POST", pod())


async def test_logs_carry_the_byte_limit_under_both_names(chain: Chain) -> None:
    async with chain.client.request("GET", "/getLogs", data=log_request(Bytes=10, Follow=False)) as response:
        assert await response.text() == "line\n"
    (call,) = chain.plugin.calls
    assert call.method == "GET"
    assert (call.body["Opts"]["Bytes"], call.body["Opts"]["LimitBytes"]) == (10, 10)


async def test_the_session_goes_with_every_call(chain: Chain) -> None:
    headers = {"InterLink-Http-Session": "CreatePod#17"}
    async with chain.client.request("POST", "/create", headers=headers, data=json.dumps(CREATE).encode()):
        pass
    async with chain.client.request("DELETE", "/delete", data=json.dumps(pod()).encode()):
        pass
    given, invented = (call.headers["InterLink-Http-Session"] for call in chain.plugin.calls)
    assert given == "CreatePod#17"
    assert invented.startswith("Request-")


async def test_credentials_stop_at_the_server(chain: Chain) -> None:
    headers = {"Authorization": "Bearer secret", "X-Forwarded-User": "somebody"}
    async with chain.client.request("POST", "/create", headers=headers, data=json.dumps(CREATE).encode()):
        pass
    assert not {"Authorization", "X-Forwarded-User"} & set(chain.plugin.calls[0].headers)


@pytest.mark.parametrize("server_options", [{"CreateFormat": "list"}])
async def test_a_plugin_configured_for_lists_is_never_sent_an_object(chain: Chain) -> None:
    await post(chain, "/create", CREATE)
    assert [set(c.body[0]) for c in chain.plugin.calls] == [{"pod", "container"}]
