"""Configuration of the cluster's programs, where a slip would only show on a running cluster."""

import json
from ipaddress import IPv4Network
from pathlib import Path

from devcluster.addresses import SUBNETS, AddressPlan
from devcluster.firewall import site_rules
from devcluster.kubernetes import certificates, cluster_dns, control_plane, node
from devcluster.network import SERVICE_SUBNET
from devcluster.pki import Authority

PLAN = AddressPlan(SUBNETS[5])


def test_every_certificate_that_a_program_is_told_of_is_issued(tmp_path: Path) -> None:
    certificates.issue_all(Authority(tmp_path), PLAN)
    programs = (
        *(
            control_plane.etcd(),
            control_plane.apiserver(PLAN),
            control_plane.controller_manager(),
            control_plane.scheduler(),
        ),
        *(node.kubelet(PLAN), node.kube_proxy()),
    )
    text = " ".join(word for program in programs for word in program.argv) + json.dumps(node.kubelet_config(PLAN))
    named = {word.strip('",}').split("=")[-1] for word in text.split() if certificates.INSIDE in word}
    assert len(named) > 10
    for place in named:
        assert (tmp_path / certificates.FOLDER / place.removeprefix(certificates.INSIDE + "/")).is_file(), place


def test_kubeconfigs_are_self_contained_and_point_at_the_hub(tmp_path: Path) -> None:
    certificates.issue_all(Authority(tmp_path), PLAN)
    document = json.loads((tmp_path / certificates.FOLDER / "admin.kubeconfig").read_text())
    assert document["clusters"][0]["cluster"]["server"] == f"https://{PLAN.hub}:6443"
    assert set(document["users"][0]["user"]) == {"client-certificate-data", "client-key-data"}


def test_the_well_known_addresses_lie_in_the_service_network() -> None:
    services = IPv4Network(SERVICE_SUBNET)
    assert services.network_address + 1 == certificates.FIRST_SERVICE
    assert node.CLUSTER_DNS in map(str, services.hosts())
    assert not services.overlaps(IPv4Network(node.POD_SUBNET))


def test_there_is_room_for_as_many_addresses_as_pods() -> None:
    assert IPv4Network(node.POD_SUBNET).num_addresses > 2 * node.MAX_PODS


def test_the_clusters_dns_knows_the_platforms_names() -> None:
    text = cluster_dns.corefile(PLAN)
    assert f"{PLAN.hub} iam.highrate.test" in text
    assert f"{PLAN.site} ce.highrate.test" in text


def test_no_image_of_the_cluster_is_ever_pulled() -> None:
    (deployment,) = [each for each in cluster_dns.manifests(PLAN, "localhost/x:1") if each["kind"] == "Deployment"]
    assert '"imagePullPolicy": "Never"' in json.dumps(deployment)


def test_the_sites_filter_lets_only_the_given_ports_in() -> None:
    rules = site_rules([9619, 9618, 9618])
    assert "policy drop" in rules
    assert "tcp dport { 9618, 9619 } accept" in rules
