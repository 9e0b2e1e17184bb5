"""Variables of Services: as a kubelet makes them, and only where the node is configured to."""

from virtual_kubelet.core.create_request import Translation, create_request
from virtual_kubelet.core.field_reference import NodeFacts
from virtual_kubelet.core.object_store import ObjectStore

from tests.unit.vk.pods import Json, container, pod


def service(
    name: str, namespace: str = "ns", address: str | None = "10.96.0.7", ports: list[Json] | None = None
) -> Json:
    spec = {"clusterIP": address, "ports": ports if ports is not None else [{"port": 80, "protocol": "TCP"}]}
    return {"metadata": {"name": name, "namespace": namespace}, "spec": spec}


MASTER = service("kubernetes", "default", "10.96.0.1", [{"name": "https", "port": 443, "protocol": "TCP"}])


def env(thing: Json, *services: Json, links: bool = True, api: tuple[str, str] | None = None) -> dict[str, str]:
    store = ObjectStore("ns", {}, services=services)
    made = create_request(thing, store, NodeFacts("node", ""), Translation(service_links=links, api_address=api))
    return {each["name"]: each["value"] for each in made.pod["spec"]["containers"][0].get("env") or []}


def test_a_service_is_told_in_both_of_kubernetes_manners() -> None:
    ports = [{"name": "web-ui", "port": 80}, {"name": "dns", "port": 53, "protocol": "UDP"}]
    assert env(pod(), service("my-db", ports=ports)) == {
        "MY_DB_SERVICE_HOST": "10.96.0.7",
        "MY_DB_SERVICE_PORT": "80",
        "MY_DB_SERVICE_PORT_WEB_UI": "80",
        "MY_DB_SERVICE_PORT_DNS": "53",
        "MY_DB_PORT": "tcp://10.96.0.7:80",
        "MY_DB_PORT_80_TCP": "tcp://10.96.0.7:80",
        "MY_DB_PORT_80_TCP_PROTO": "tcp",
        "MY_DB_PORT_80_TCP_PORT": "80",
        "MY_DB_PORT_80_TCP_ADDR": "10.96.0.7",
        "MY_DB_PORT_53_UDP": "udp://10.96.0.7:53",
        "MY_DB_PORT_53_UDP_PROTO": "udp",
        "MY_DB_PORT_53_UDP_PORT": "53",
        "MY_DB_PORT_53_UDP_ADDR": "10.96.0.7",
    }


def test_an_address_of_version_6_stands_in_brackets_in_urls_alone() -> None:
    told = env(pod(), service("six", address="fd00::7"))
    assert (told["SIX_SERVICE_HOST"], told["SIX_PORT"]) == ("fd00::7", "tcp://[fd00::7]:80")


def test_only_services_with_an_address_and_of_the_pod_s_namespace_are_told() -> None:
    others = (service("headless", address="None"), service("external", address=None), service("far", "other"))
    assert env(pod(), *others, service("bare", ports=[])) == {}


def test_a_pod_that_wants_no_links_still_hears_of_the_api_server() -> None:
    told = env(pod(enableServiceLinks=False), MASTER, service("db"))
    assert told["KUBERNETES_SERVICE_HOST"] == "10.96.0.1" and "DB_SERVICE_HOST" not in told


def test_nothing_is_told_unless_the_node_is_configured_to() -> None:
    assert env(pod(), MASTER, service("db"), links=False) == {}


def test_the_pod_s_own_variables_win_and_may_refer_to_them() -> None:
    own = [{"name": "DB_SERVICE_PORT", "value": "1"}, {"name": "URL", "value": "$(DB_SERVICE_HOST):$(DB_SERVICE_PORT)"}]
    told = env(pod([container("a", env=own)]), service("db"))
    assert (told["DB_SERVICE_PORT"], told["URL"]) == ("1", "10.96.0.7:1")


def test_the_api_server_s_configured_address_wins_over_the_cluster_s() -> None:
    told = env(pod(), MASTER, api=("api.example.org", "6443"))
    assert told["KUBERNETES_SERVICE_HOST"] == "api.example.org"
