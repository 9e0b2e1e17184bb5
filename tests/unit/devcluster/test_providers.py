"""kind's configuration and command lines, and whose cluster `existing` takes. Neither Docker nor a cluster is needed."""

from pathlib import Path

import pytest
import yaml
from devcluster.kubernetes import programs
from devcluster.network import SERVICE_SUBNET
from devcluster.paths import Checkout, find_checkout
from devcluster.platform import Platform
from devcluster.providers import kind
from devcluster.providers.embedded import Embedded
from devcluster.providers.existing import Existing, given_kubeconfig
from devcluster.providers.provider import Provider, node_part
from devcluster.steps import check_graph

CHECKOUT = find_checkout(Path(__file__).parent)


def test_kinds_configuration_has_the_kubernetes_that_is_pinned() -> None:
    document = yaml.safe_load((CHECKOUT.root / kind.CONFIGURATION).read_text())
    assert (document["kind"], document["apiVersion"]) == ("Cluster", "kind.x-k8s.io/v1alpha4")
    pinned = programs.pinned_version(CHECKOUT.root / "devcluster" / "go" / "kubernetes", "k8s.io/kubernetes")
    (node,) = document["nodes"]
    assert node["image"].endswith(f":{pinned}")
    assert document["networking"]["serviceSubnet"] == SERVICE_SUBNET


def test_kinds_command_lines_name_this_checkouts_cluster_and_never_the_users_kubeconfig() -> None:
    checkout = Checkout(Path("/srv/one"))
    name = f"--name=highrate-{checkout.id}"
    assert kind.create_command(checkout) == [
        *("kind", "create", "cluster", name, "--config=/srv/one/devcluster/kind/cluster.yaml"),
        *("--kubeconfig=/srv/one/.devcluster/kubeconfig", "--wait=120s"),
    ]
    assert kind.load_command(checkout, Path("/c/i.tar")) == ["kind", "load", "image-archive", name, "/c/i.tar"]
    for command in (kind.delete_command(checkout), kind.export_command(checkout)):
        assert name in command
        assert "--kubeconfig=/srv/one/.devcluster/kubeconfig" in command


def test_kubeconfig_is_taken_from_the_variable_before_the_default_file(tmp_path: Path) -> None:
    named, default = tmp_path / "named", tmp_path / ".kube" / "config"
    default.parent.mkdir()
    default.touch()
    home = {"HOME": str(tmp_path)}
    assert given_kubeconfig(home) == default
    assert given_kubeconfig({**home, "KUBECONFIG": str(named)}) is None
    named.touch()
    assert given_kubeconfig({**home, "KUBECONFIG": f"/nowhere:{named}"}) == named


@pytest.mark.parametrize("provider", [Embedded, kind.Kind, Existing])
def test_every_providers_steps_find_what_they_need(provider: type[Provider]) -> None:
    steps = provider(Platform(CHECKOUT)).steps()
    check_graph(steps)
    assert all(step.title for step in steps)


def test_images_are_made_without_a_platform() -> None:
    steps = Embedded(Platform(CHECKOUT)).image_steps()
    check_graph(steps)
    assert [step.name for step in steps] == ["rootfs", "images"]


@pytest.mark.parametrize(
    ("conditions", "well", "said"),
    [
        ({"Ready": "True"}, True, "Ready=True"),
        ({"Ready": "Unknown"}, False, "Ready=Unknown"),
        ({"Ready": "True", "InterlinkConnectivity": "True"}, True, "InterlinkConnectivity=True"),
        ({"Ready": "True", "InterlinkConnectivity": "False"}, False, "why not"),
        ({}, False, "nothing"),
    ],
)
def test_a_virtual_node_is_well_only_if_its_site_answers(conditions: dict[str, str], well: bool, said: str) -> None:
    listed = [{"type": kind, "status": status, "message": "why not"} for kind, status in conditions.items()]
    part = node_part({"metadata": {"name": "site-schedd"}, "status": {"conditions": listed}})
    assert part.well is well
    assert said in part.detail
