"""The configuration of others, ours, and what can't be one."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from service_runtime.settings import SettingsError, warn_without_effect
from structlog.testing import capture_logs
from virtual_kubelet.core.node_object import Taint
from virtual_kubelet.settings import WITHOUT_EFFECT, Settings, load

# as interLink's own chart writes it
CHART = """
InterlinkURL: "http://localhost"
InterlinkPort: "4000"
ExportPodData: true
VerboseLogging: true
ErrorsOnlyLogging: false
ServiceAccount: "site"
Namespace: interlink
VKTokenFile: "/dev/null"
Resources:
  CPU: 100
  Memory: 128Gi
  Pods: 100
  Accelerators:
    - ResourceType: nvidia.com/gpu
      Model: "Tesla T4"
      Available: 1
HTTP:
  Insecure: false
KubeletHTTP:
  Insecure: true
NodeLabels:
  - "accelerator-type=none"
NodeTaints:
  - Key: "site"
    Value: "far"
    Effect: "NoSchedule"
PodCIDR:
Network:
  EnableTunnel: false
  TunnelImage: x
"""


def loaded(tmp_path: Path, text: str, **environment: str) -> Settings:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    return load(path, {"NODENAME": "site", **environment})


def test_the_chart_s_file_is_read_as_it_is(tmp_path: Path) -> None:
    settings = loaded(tmp_path, CHART, POD_IP="10.0.0.1", KUBELET_PORT="10250")
    assert settings.interlink == "http://localhost:4000"
    assert settings.capacity["cpu"] == "100"
    assert settings.capacity["nvidia.com/gpu"] == "1"
    assert settings.labels == {"nvidia-gpu-type": "Tesla-T4", "accelerator-type": "none"}
    assert settings.taints == [Taint("site", "far", "NoSchedule")]
    assert (settings.node_name, settings.pod_ip, settings.kubelet_port) == ("site", "10.0.0.1", 10250)


def test_defaults_are_interlink_s(tmp_path: Path) -> None:
    settings = loaded(tmp_path, "InterlinkURL: unix:///run/interlink.sock\nInterlinkPort: 3000")
    assert settings.interlink == "unix:///run/interlink.sock"
    assert {k: settings.capacity[k] for k in ("cpu", "memory", "pods")} == {
        "cpu": "100",
        "memory": "3000G",
        "pods": "10000",
    }
    assert not settings.deliver_api_token


def test_the_environment_wins_and_an_empty_one_does_not(tmp_path: Path) -> None:
    text = "InterlinkURL: https://x\nNodeName: file\nKubeletPort: 7"
    path = tmp_path / "c.yaml"
    path.write_text(text)
    assert load(path, {"NODENAME": "env", "KUBELET_PORT": ""}).node_name == "env"
    settings = load(path, {})
    assert (settings.node_name, settings.kubelet_port) == ("file", 7)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"InterlinkURL": "localhost"}, "InterlinkURL"),
    ({"InterlinkURL": "ftp://x"}, "InterlinkURL"),
    ({"InterlinkPort": 70000}, "InterlinkPort"),
    ({"Resources": {"CPU": "-1"}}, "Resources.CPU"),
    ({"Resources": {"Memory": "12Q"}}, "Resources.Memory"),
    ({"Resources": {"Memory": "NaN"}}, "Resources.Memory"),
    ({"Resources": {"Pods": -3}}, "Resources.Pods"),
    ({"Resources": {"Accelerators": [{"ResourceType": "nvidia.com/gpu", "Available": ""}]}}, "Available"),
    ({"NodeLabels": ["novalue"]}, "NodeLabels"),
    ({"NodeLabels": ["a b=c"]}, "NodeLabels"),
    ({"NodeLabels": [f"a={'v' * 64}"]}, "NodeLabels"),
    ({"NodeTaints": [{"Key": "two words"}]}, 'NodeTaints[0]: "two words" is no key'),
    ({"NodeTaints": [{"Key": "k", "Value": "a/b"}]}, 'NodeTaints[0]: "a/b" is no value'),
    ({"Resources": {"Accelerators": [{"ResourceType": "gpu", "Available": 1}]}}, "ResourceType"),
    (
        {"Resources": {"Accelerators": [{"ResourceType": "nvidia.com/gpu", "Model": "T4 (16 GB)", "Available": 1}]}},
        "Model",
    ),
    ({"NodeTaints": [{"Key": "", "Effect": "NoSchedule"}]}, "NodeTaints[0].Key"),
    ({"NodeTaints": [{"Key": "k", "Effect": "Never"}]}, "NodeTaints[0].Effect"),
    ({"TLS": {"Enabled": True, "CertFile": "/c"}}, "TLS"),
    ({"KubeletCertFile": "/c"}, "KubeletKeyFile"),
    ({"KubernetesApiAddr": "x"}, "KubernetesApiPort"),
    ({"StatusPoll": {"Min": 5, "Max": 1}}, "StatusPoll"),
    ({"StatusPoll": {"Min": 0}}, "StatusPoll.Min"),
    ({"PingInterval": 0}, "PingInterval"),
    ({"MetricsAddress": "nonsense"}, 'MetricsAddress: "nonsense" is no address: use host:port'),
    ({"PodCIDR": {"Subnet": "10.0.0.0/99"}}, "PodCIDR.Subnet"),
    ({"PodIP": "10.0.0"}, "PodIP"),
    ({"NodeName": "Site One"}, "NodeName"),
    ({"InterlinkURL": "http://site.example", "InterlinkPort": 80, "VKTokenFile": "/t"}, "HTTP.Insecure: true"),
    ({"InterlinkURL": "http://localhost.example:80", "VKTokenFile": "/t"}, "HTTP.Insecure: true"),
    ({"Network": {"EnableTunnel": True}}, "EnableTunnel"),
    ({"Network": {"FullMesh": "true"}}, "FullMesh"),
]


@pytest.mark.parametrize(("wrong", "told"), WRONG, ids=[str(row[0]) for row in WRONG])
def test_values_that_make_no_sense(tmp_path: Path, wrong: dict[str, Any], told: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(yaml.safe_dump({"InterlinkURL": "https://x", "NodeName": "n", **wrong}))
    with pytest.raises(SettingsError) as caught:
        load(path, {})
    assert told in str(caught.value)


def test_all_problems_at_once(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(
        yaml.safe_dump({"InterlinkURL": "x", "InterlinkPort": "y", "Resources": {"CPU": "z"}, "Strange": 1})
    )
    with pytest.raises(SettingsError) as caught:
        load(path, {})
    assert len(caught.value.problems) == 4
    assert "NODENAME" in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="can't be read"):
        load(tmp_path / "none.yaml", {})


IN_THE_CLEAR: list[tuple[dict[str, Any], bool]] = [
    ({"InterlinkURL": "http://localhost", "VKTokenFile": "/t"}, False),
    ({"InterlinkURL": "http://127.0.0.1:4000", "VKTokenFile": "/t"}, False),
    ({"InterlinkURL": "http://[::1]:4000", "VKTokenFile": "/t"}, False),
    ({"InterlinkURL": "unix:///run/s.sock", "VKTokenFile": "/t"}, False),
    ({"InterlinkURL": "https://site.example", "VKTokenFile": "/t"}, False),
    ({"InterlinkURL": "http://site.example", "VKTokenFile": "/dev/null"}, True),
    ({"InterlinkURL": "http://site.example"}, True),
    ({"InterlinkURL": "http://site.example", "VKTokenFile": "/t", "HTTP": {"Insecure": True}}, True),
]


@pytest.mark.parametrize(("keys", "expected"), IN_THE_CLEAR, ids=[str(row[0]) for row in IN_THE_CLEAR])
def test_a_token_goes_in_the_clear_only_where_that_was_asked_for(keys: dict[str, Any], expected: bool) -> None:
    assert Settings.model_validate({"NodeName": "n", **keys}).in_the_clear is expected


def test_keys_that_are_known_and_not_used_are_told(tmp_path: Path) -> None:
    settings = loaded(tmp_path, CHART + "VKConfigPath: /etc/x\nDisableCSR: true\n")
    with capture_logs() as lines:
        warn_without_effect(settings, WITHOUT_EFFECT)
    told = {line["key"] for line in lines if line["event"] == "settings.key_without_effect"}
    assert told == {"KubeletHTTP", "Network", "VKConfigPath", "ServiceAccount", "Namespace"}
    assert all(line["reason"] for line in lines)


def test_the_documentation_names_each_key_without_effect() -> None:
    page = (Path(__file__).parents[3] / "docs/configuration/virtual-kubelet.md").read_text()
    known = {field.alias for field in Settings.model_fields.values()}
    for key in WITHOUT_EFFECT:
        assert key in known
        assert f"`{key}`" in page
