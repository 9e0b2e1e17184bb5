"""The files that the charts write are what the services read: their own loaders take them, and every path is mounted."""

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import pytest
import token_refresher.model.settings
import virtual_kubelet.settings
import yaml
from condor_sidecar import settings as sidecar
from interlink.server import settings as server
from service_runtime.settings import Section, load_settings

from tests.charts.navigation import Workload, of_kind, one, workloads
from tests.charts.rendering import VIRTUAL_NODE, WITH_MONITORS, Chart, Object, Refused, Values, merged, read_values

# What a service reads, and which variables of its environment win over the file.
MODELS: dict[str, tuple[type[Section], Mapping[str, str]]] = {
    "virtual-kubelet": (virtual_kubelet.settings.Settings, virtual_kubelet.settings.ENVIRONMENT),
    "interlink-server": (server.ServerSettings, server.ENVIRONMENT),
    "condor-sidecar": (sidecar.Settings, {}),
    "token-refresher": (token_refresher.model.settings.Settings, {}),
}
CONFIG = "/etc/highrate/config"
REMOTE = read_values(VIRTUAL_NODE / "ci" / "remote-values.yaml")
CLUSTER = read_values(VIRTUAL_NODE / "ci" / "cluster-schedd-values.yaml")
EVERYTHING = read_values(VIRTUAL_NODE / "ci" / "remote-everything-values.yaml")


def test_every_service_takes_its_file_as_it_is(objects: list[Object], tmp_path: Path) -> None:
    for workload in workloads(objects):
        for container in workload.containers:
            service, path = _service_and_file(objects, workload, container, tmp_path)
            model, variables = MODELS[service]
            environment = _environment(container)
            # one path must exist when the settings are read
            path.write_text(path.read_text().replace("/etc/highrate/ca/ca.crt", __file__))
            overrides = {key: environment[name] for name, key in variables.items() if name in environment}
            load_settings(model, path, overrides, unknown="error")


def test_every_path_in_a_file_is_mounted_where_it_is_read(objects: list[Object], tmp_path: Path) -> None:
    for workload in workloads(objects):
        for container in workload.containers:
            _, path = _service_and_file(objects, workload, container, tmp_path)
            mounted = [PurePosixPath(mount) for mount in workload.mounts(container["name"]).values()]
            for text in _paths(yaml.safe_load(path.read_text())):
                assert any(mount in PurePosixPath(text).parents for mount in mounted), f"{container['name']}: {text}"


def test_files_named_in_the_config_folder_are_in_the_config_map(objects: list[Object], tmp_path: Path) -> None:
    for workload in workloads(objects):
        for container in workload.containers:
            _, path = _service_and_file(objects, workload, container, tmp_path)
            files = {f"{CONFIG}/{name}" for name in _config_map(objects, workload)["data"]}
            assert {text for text in _paths(yaml.safe_load(path.read_text())) if text.startswith(CONFIG)} <= files


def test_ports_that_services_listen_on_are_the_containers_ports(objects: list[Object], tmp_path: Path) -> None:
    for workload in workloads(objects):
        for container in workload.containers:
            _, path = _service_and_file(objects, workload, container, tmp_path)
            settings = yaml.safe_load(path.read_text())
            ports = {port["containerPort"] for port in container["ports"]}
            listening = {int(p) for p in re.findall(r"0\.0\.0\.0:(\d+)", str(settings))}
            listening |= {
                settings[key] for key in ("KubeletPort", "InterlinkPort") if isinstance(settings.get(key), int)
            }
            assert ports == listening, container["name"]


def test_the_virtual_kubelet_finds_interlink_at_the_service_of_the_edge(chart: Chart) -> None:
    objects = chart.render(CLUSTER)
    service = one(objects, "Service")
    settings = yaml.safe_load(one(objects, "ConfigMap", "-vk")["data"]["virtual-kubelet.yaml"])
    port = service["spec"]["ports"][0]["port"]
    name = f"{service['metadata']['name']}.{service['metadata']['namespace']}.svc"
    assert settings["InterlinkURL"] == f"https://{name}:{port}"
    edge = next(workload for workload in workloads(objects) if workload.object["kind"] == "StatefulSet")
    ports = {p["name"]: p["containerPort"] for p in edge.container("interlink")["ports"]}
    server_settings = yaml.safe_load(one(objects, "ConfigMap", "-edge")["data"]["interlink.yaml"])
    assert ports[service["spec"]["ports"][0]["targetPort"]] == server_settings["InterlinkPort"]
    sidecar_settings = yaml.safe_load(one(objects, "ConfigMap", "-edge")["data"]["condor-sidecar.yaml"])
    assert server_settings["SidecarURL"] == sidecar_settings["listen"]


def test_the_node_offers_what_the_values_say(chart: Chart, tmp_path: Path) -> None:
    settings = virtual_kubelet.settings.load(_vk_file(chart, EVERYTHING, tmp_path), {"NODENAME": "n"})
    assert settings.capacity == {
        "cpu": "6720",
        "memory": "25Ti",
        "pods": "7000",
        "ephemeral-storage": "100Ti",
        "nvidia.com/gpu": "8",
        "example.org/fpga": "2",
    }
    assert settings.labels == {"example.org/site": "somewhere"}
    assert [(t.key, t.value, t.effect) for t in settings.taints] == [
        ("example.org/gpu", "true", "NoSchedule"),
        ("example.org/slow", "", "PreferNoSchedule"),
    ]
    assert not settings.no_schedule_taint
    assert settings.not_ready_after == 3600
    assert settings.service_links
    assert (settings.status_poll.minimum, settings.status_poll.maximum) == (0.5, 20)
    assert (settings.refresh_interval, settings.log_streams) == (60, 50)


def test_what_nobody_asked_for_stays_off(chart: Chart, tmp_path: Path) -> None:
    settings = virtual_kubelet.settings.load(_vk_file(chart, REMOTE, tmp_path), {"NODENAME": "n"})
    assert not settings.service_links
    assert not settings.deliver_api_token
    assert (settings.kubernetes_api_addr, settings.kubernetes_api_port, settings.kubernetes_api_ca_crt) == ("", "", "")


def test_the_charts_own_intervals_are_those_of_the_virtual_kubelet(chart: Chart, tmp_path: Path) -> None:
    settings = virtual_kubelet.settings.load(_vk_file(chart, REMOTE, tmp_path), {"NODENAME": "n"})
    for name in ("status_poll", "refresh_interval", "log_streams", "not_ready_after", "no_schedule_taint"):
        assert getattr(settings, name) == virtual_kubelet.settings.Settings.model_fields[name].default, name


def test_a_pods_default_token_gets_to_its_job_where_node_and_site_say_so(chart: Chart, tmp_path: Path) -> None:
    allowed = {
        "node": {"apiToken": True, "kubernetesApi": EVERYTHING["node"]["kubernetesApi"]},
        "condor": {"settings": {"policy": {"keep_service_account_token": True, "user_annotations": ["keep-sa-token"]}}},
    }
    objects = chart.render(merged(CLUSTER, allowed))
    path = tmp_path / "virtual-kubelet.yaml"
    path.write_text(one(objects, "ConfigMap", "-vk")["data"]["virtual-kubelet.yaml"])
    node = virtual_kubelet.settings.load(path, {"NODENAME": "n"})
    assert node.deliver_api_token
    assert (node.kubernetes_api_addr, node.kubernetes_api_port) == ("api.example.org", "6443")
    assert node.kubernetes_api_ca_crt.strip() == EVERYTHING["node"]["kubernetesApi"]["certificates"].strip()
    path.write_text(one(objects, "ConfigMap", "-edge")["data"]["condor-sidecar.yaml"])
    rules = sidecar.site_policy(sidecar.load(path, {}))
    assert rules.keep_service_account_token
    assert rules.user_annotations == {"keep-sa-token"}


def test_large_numbers_keep_all_their_digits(chart: Chart, tmp_path: Path) -> None:
    values = merged(EVERYTHING, {"node": {"resources": {"memory": 429496729600, "pods": 10000000}}})
    capacity = virtual_kubelet.settings.load(_vk_file(chart, values, tmp_path), {"NODENAME": "n"}).capacity
    assert (capacity["memory"], capacity["pods"]) == ("429496729600", "10000000")


def test_the_sidecar_gets_what_condor_settings_add(chart: Chart, tmp_path: Path) -> None:
    path = tmp_path / "sidecar.yaml"
    path.write_text(one(chart.render(CLUSTER), "ConfigMap", "-edge")["data"]["condor-sidecar.yaml"])
    settings = sidecar.load(path, {})
    assert settings.endpoint.submit == {"accounting_group": "physics"}
    assert settings.endpoint.limits.idle_jobs == 50
    assert settings.endpoint.collector == "pool.example.org:9618"
    assert settings.wall_time.max_seconds == 7200
    assert (settings.instance, settings.node) == ("site-schedd", "site-schedd")


def test_two_clusters_can_call_their_nodes_the_same(chart: Chart, tmp_path: Path) -> None:
    path = tmp_path / "sidecar.yaml"
    values = merged(CLUSTER, {"condor": {"instance": "second-cluster.site-schedd"}})
    path.write_text(one(chart.render(values), "ConfigMap", "-edge")["data"]["condor-sidecar.yaml"])
    settings = sidecar.load(path, {})
    assert (settings.instance, settings.node) == ("second-cluster.site-schedd", "site-schedd")


@pytest.mark.parametrize(
    ("size", "bytes_there"), [("10Gi", 10 << 30), ("50Gi", 50 << 30), ("1.5T", 15 * 10**11), ("500M", 5 * 10**8)]
)
def test_the_sidecar_fills_no_more_than_its_volume(chart: Chart, tmp_path: Path, size: str, bytes_there: int) -> None:
    path = tmp_path / "sidecar.yaml"
    values = merged(CLUSTER, {"edge": {"storage": {"size": size}}})
    path.write_text(one(chart.render(values), "ConfigMap", "-edge")["data"]["condor-sidecar.yaml"])
    settings = sidecar.load(path, {})
    # the journal's write-ahead log may be as long as the journal
    taken = settings.output.max_bytes + 2 * settings.endpoint.limits.journal_bytes
    assert bytes_there // 2 <= taken <= bytes_there * 3 // 4
    assert settings.endpoint.limits.journal_bytes <= 2 << 30
    assert settings.endpoint.limits.idle_jobs == 50, "the values' own settings stay beside it"


def test_what_the_values_say_about_the_volume_counts(chart: Chart, tmp_path: Path) -> None:
    path = tmp_path / "sidecar.yaml"
    own = {"output": {"max_bytes": 123456789}, "endpoint": {"limits": {"journal_bytes": 1234567}}}
    values = merged(CLUSTER, {"condor": {"settings": own}})
    path.write_text(one(chart.render(values), "ConfigMap", "-edge")["data"]["condor-sidecar.yaml"])
    settings = sidecar.load(path, {})
    assert (settings.output.max_bytes, settings.endpoint.limits.journal_bytes) == (123456789, 1234567)


def test_a_volume_of_no_known_size_is_refused(chart: Chart) -> None:
    with pytest.raises(Refused, match=r'edge.storage.size "ten" is not a size'):
        chart.render(merged(CLUSTER, {"edge": {"storage": {"size": "ten"}}}))


def test_namespaces_are_the_ones_that_have_a_role(objects: list[Object], values: Values) -> None:
    settings = yaml.safe_load(one(objects, "ConfigMap", "-vk")["data"]["virtual-kubelet.yaml"])
    reading = [role for role in of_kind(objects, "Role") if "secrets" in str(role["rules"])]
    roles = {role["metadata"]["namespace"] for role in reading}
    assert set(settings.get("Namespaces", [])) == roles


def _service_and_file(objects: list[Object], workload: Workload, container: Object, folder: Path) -> tuple[str, Path]:
    """The service that a container runs, and the settings file that it is given, written to `folder`."""
    service, option, path = container["args"][:3]
    assert option == "--config" and workload.mounts(container["name"])["config"] == CONFIG
    name = path.removeprefix(f"{CONFIG}/")
    file = folder / name
    file.write_text(_config_map(objects, workload)["data"][name], encoding="utf-8")
    return service, file


def _config_map(objects: list[Object], workload: Workload) -> Object:
    volume = next(volume for volume in workload.pod["volumes"] if volume["name"] == "config")
    return next(o for o in of_kind(objects, "ConfigMap") if o["metadata"]["name"] == volume["configMap"]["name"])


def _vk_file(chart: Chart, values: Values, folder: Path) -> Path:
    objects = chart.render(values, options=WITH_MONITORS)
    path = folder / "virtual-kubelet.yaml"
    path.write_text(one(objects, "ConfigMap", "-vk")["data"]["virtual-kubelet.yaml"], encoding="utf-8")
    return path


def _environment(container: Object) -> dict[str, str]:
    given = {variable["name"]: variable.get("value", "192.0.2.1") for variable in container.get("env", [])}
    assert all(isinstance(value, str) for value in given.values())
    return given


def _paths(settings: object) -> list[str]:
    """Every absolute path in a settings file, the sockets' included."""
    if isinstance(settings, dict):
        return [path for value in settings.values() for path in _paths(value)]
    if isinstance(settings, list):
        return [path for value in settings for path in _paths(value)]
    text = str(settings).removeprefix("unix://")
    return [text] if text.startswith("/") else []
