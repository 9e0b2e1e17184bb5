"""The configuration: the YAML of interLink's own virtual kubelet, a few keys of ours beside it, and the environment.

Unknown keys are warned about, because that YAML is others' and charts write keys nobody reads. Values that make no sense
are refused, and so is what it has that we don't do (tunnels, the full mesh): nobody should find out from a pod that hangs.
"""

import ipaddress
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import pydantic
from pydantic import Field
from service_runtime.openid import is_loopback
from service_runtime.setting_types import HostPort
from service_runtime.settings import load_settings

from virtual_kubelet.core.names import is_label_value, is_qualified_name
from virtual_kubelet.core.node_object import Taint
from virtual_kubelet.node_settings import ACCELERATOR_LABELS, NodeTaint, Part, Resources, Text

DEFAULT_CONFIG = Path("/etc/interlink/InterLinkConfig.yaml")
CONFIG_VARIABLE = "CONFIGPATH"
ENVIRONMENT = {
    "NODENAME": "NodeName",
    "KUBECONFIG": "Kubeconfig",
    "KUBELET_URL": "KubeletURL",
    "KUBELET_PORT": "KubeletPort",
    "POD_IP": "PodIP",
}
WITHOUT_EFFECT = {
    "KubeletHTTP": "the kubelet port is always https",
    "KubeletCSRSignerName": "no certificate signing requests are made",
    "DisableCSR": "no certificate signing requests are made",
    "SkipDownwardAPIResolution": "what refers to the pod is always resolved, except for its address",
    "Pprof": "the profiler is Go's",
    "Network": "pods get no network of the cluster, so there is nothing to set up",
    "VKConfigPath": "the file is named by --config or CONFIGPATH",
    "ServiceAccount": "who we are is in the kubeconfig, or is the account of the pod that we run in",
    "Namespace": "who we are is in the kubeconfig, or is the account of the pod that we run in",
}
"""Keys that interLink's virtual kubelet or its chart know."""
_NODE_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")


class Http(Part):
    """How the interLink API server's certificate is checked."""

    insecure: bool = Field(default=False, alias="Insecure")
    """Don't check it, and send the token over plain http. Only for trying things out: whoever is in between gets the token."""
    ca_cert: Path | None = Field(default=None, alias="CaCert")
    """PEM file of an authority to trust besides the system's."""


class Tls(Part):
    """Mutual TLS with the interLink API server."""

    enabled: bool = Field(default=False, alias="Enabled")
    cert_file: Path | None = Field(default=None, alias="CertFile")
    key_file: Path | None = Field(default=None, alias="KeyFile")
    ca_cert_file: Path | None = Field(default=None, alias="CACertFile")

    @pydantic.model_validator(mode="after")
    def _pair(self) -> "Tls":
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("CertFile and KeyFile belong together: give both or none")
        return self


class PodCidr(Part):
    """Addresses for pods in interLink's VPN mode; only the subnet is used, as the node's podCIDR."""

    subnet: Text = Field(default="", alias="Subnet")
    max_ip: Text = Field(default="", alias="MaxIP")
    min_ip: Text = Field(default="", alias="MinIP")

    @pydantic.field_validator("subnet")
    @classmethod
    def _network(cls, value: str) -> str:
        return str(ipaddress.ip_network(value, strict=False)) if value else ""


class StatusPoll(Part):
    """Seconds between polls for job states: the least while things change, the most at rest."""

    minimum: Annotated[float, Field(ge=0.1, le=60)] = Field(default=1.0, alias="Min")
    maximum: Annotated[float, Field(ge=0.1, le=600)] = Field(default=10.0, alias="Max")

    @pydantic.model_validator(mode="after")
    def _ordered(self) -> "StatusPoll":
        if self.minimum > self.maximum:
            raise ValueError("Min is above Max")
        return self


class Settings(Part):
    """All settings of one virtual node."""

    node_name: Text = Field(default="", alias="NodeName", validate_default=True)
    kubeconfig: Path | None = Field(default=None, alias="Kubeconfig")
    """None: the service account of the pod that vk runs in."""
    kubelet_url: Text = Field(default="0.0.0.0", alias="KubeletURL")  # noqa: S104 - the API server dials in from anywhere
    kubelet_port: Annotated[int, Field(ge=1, le=65535)] = Field(default=5820, alias="KubeletPort")
    pod_ip: Text = Field(default="", alias="PodIP")

    interlink_url: Text = Field(alias="InterlinkURL")
    interlink_port: Text = Field(default="", alias="InterlinkPort")
    vk_token_file: Path | None = Field(default=None, alias="VKTokenFile")
    http: Http = Field(default=Http(), alias="HTTP")
    tls: Tls = Field(default=Tls(), alias="TLS")
    job_script_builder_url: Text = Field(default="", alias="JobScriptBuilderURL")
    kubernetes_api_addr: Text = Field(default="", alias="KubernetesApiAddr")
    kubernetes_api_port: Text = Field(default="", alias="KubernetesApiPort")
    kubernetes_api_ca_crt: Text = Field(default="", alias="KubernetesApiCaCrt")
    disable_projected_volumes: bool = Field(default=False, alias="DisableProjectedVolumes")
    pod_cidr: PodCidr = Field(default=PodCidr(), alias="PodCIDR")
    verbose_logging: bool = Field(default=False, alias="VerboseLogging")
    errors_only_logging: bool = Field(default=False, alias="ErrorsOnlyLogging")
    kubelet_cert_file: Path | None = Field(default=None, alias="KubeletCertFile")
    kubelet_key_file: Path | None = Field(default=None, alias="KubeletKeyFile")
    resources: Resources = Field(default=Resources(), alias="Resources")
    node_labels: list[Text] = Field(default=[], alias="NodeLabels")
    node_taints: list[NodeTaint] = Field(default=[], alias="NodeTaints")

    # see WITHOUT_EFFECT
    kubelet_http: dict[str, Any] = Field(default={}, alias="KubeletHTTP")
    kubelet_csr_signer_name: Text = Field(default="", alias="KubeletCSRSignerName")
    disable_csr: bool = Field(default=True, alias="DisableCSR")
    skip_downward_api_resolution: bool = Field(default=False, alias="SkipDownwardAPIResolution")
    pprof: dict[str, Any] = Field(default={}, alias="Pprof")
    network: dict[str, Any] = Field(default={}, alias="Network")
    vk_config_path: Text = Field(default="", alias="VKConfigPath")
    service_account: Text = Field(default="", alias="ServiceAccount")
    namespace: Text = Field(default="", alias="Namespace")

    # ours
    namespaces: list[Text] = Field(default=[], alias="Namespaces")
    """Whose Secrets, ConfigMaps and tokens may be used by pods on this node; empty: as far as the cluster's rules allow."""
    deliver_api_token: bool = Field(default=False, alias="DeliverApiToken")
    """Send the default Kubernetes API token of each pod to the site."""
    service_links: bool = Field(default=False, alias="ServiceLinks")
    """Tell pods of Services by variables as a kubelet does; only where jobs reach the cluster's addresses."""
    no_schedule_taint: bool = Field(default=True, alias="NoScheduleTaint")
    """Keep pods away that do not tolerate the taint of virtual nodes."""
    metrics_address: HostPort = Field(default="0.0.0.0:9101", alias="MetricsAddress")
    status_poll: StatusPoll = Field(default=StatusPoll(), alias="StatusPoll")
    ping_interval: Annotated[float, Field(ge=1, le=600)] = Field(default=15.0, alias="PingInterval")
    """Seconds between pings of the interLink API server; a failed one is repeated sooner."""
    sweep_interval: Annotated[float, Field(ge=1, le=86400)] = Field(default=180.0, alias="SweepInterval")
    """Seconds between comparisons with the server's list; a job without a pod goes after two of them."""
    not_ready_after: Annotated[float, Field(ge=0)] = Field(default=0.0, alias="NotReadyAfter")
    """Seconds of outage after which the node is shown NotReady, so that Kubernetes evicts its pods; 0: never."""
    kubelet_client_ca: Path | None = Field(default=None, alias="KubeletClientCA")
    """PEM file of the authority of API server certificates; None: read from the cluster."""
    refresh_interval: Annotated[float, Field(ge=1, le=3600)] = Field(default=30.0, alias="RefreshInterval")
    """Seconds between two looks at each ConfigMap and Secret that a running pod mounts, to tell the site what changed."""
    create_timeout: Annotated[float, Field(ge=1, le=600)] = Field(default=120.0, alias="CreateTimeout")
    """Seconds that a create may take."""
    log_streams: Annotated[int, Field(ge=1, le=1000)] = Field(default=200, alias="LogStreams")
    """Logs that are read through this node at the same time; the door of a site, which several nodes may share, bounds them too."""

    @pydantic.field_validator("node_name")
    @classmethod
    def _named(cls, value: str) -> str:
        if not value:
            raise ValueError("required: the node's name, from the environment (NODENAME) or here")
        if len(value) > 63 or not _NODE_NAME.fullmatch(value):
            raise ValueError(f'"{value}" is no name for a node: at most 63 of a-z, 0-9, "-" and "."')
        return value

    @pydantic.field_validator("pod_ip")
    @classmethod
    def _address(cls, value: str) -> str:
        return str(ipaddress.ip_address(value)) if value else ""

    @pydantic.field_validator("interlink_url")
    @classmethod
    def _url(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https", "unix") or not (parts.netloc or parts.path.strip("/")):
            raise ValueError(f'"{value}" is no address: use https://host, http://host or unix:///path')
        return value

    @pydantic.field_validator("interlink_port", "kubernetes_api_port")
    @classmethod
    def _port(cls, value: str) -> str:
        if value and not (value.isdigit() and 0 < int(value) < 65536):
            raise ValueError(f'"{value}" is no port')
        return value

    @pydantic.field_validator("node_labels")
    @classmethod
    def _labels(cls, value: list[str]) -> list[str]:
        parts = {label: label.partition("=") for label in value}
        wrong = [
            label
            for label, (name, sign, text) in parts.items()
            if not (sign and is_qualified_name(name) and is_label_value(text))
        ]
        if wrong:
            raise ValueError(f"not of the form name=value: {', '.join(wrong)}")
        return value

    @pydantic.field_validator("network")
    @classmethod
    def _no_tunnels(cls, value: dict[str, Any]) -> dict[str, Any]:
        asked = [key for key in ("EnableTunnel", "FullMesh") if str(value.get(key) or "false").lower() == "true"]
        if asked:
            raise ValueError(f"{' and '.join(asked)} can't be had here: pods get no network of the cluster")
        return value

    @pydantic.model_validator(mode="after")
    def _pairs(self) -> "Settings":
        if (self.kubelet_cert_file is None) != (self.kubelet_key_file is None):
            raise ValueError("KubeletCertFile and KubeletKeyFile belong together: give both or none")
        if bool(self.kubernetes_api_addr) != bool(self.kubernetes_api_port):
            raise ValueError("KubernetesApiAddr and KubernetesApiPort belong together: give both or none")
        if self.in_the_clear and self.vk_token_file not in (None, Path("/dev/null")) and not self.http.insecure:
            raise ValueError(
                "InterlinkURL is plain http to another host, and VKTokenFile names a token, which everybody in between could "
                "read and use: take https, or no token, or say HTTP.Insecure: true to send it all the same"
            )
        return self

    @property
    def interlink(self) -> str:
        """The interLink API server as one URL."""
        if self.interlink_url.startswith("unix://") or not self.interlink_port:
            return self.interlink_url
        return f"{self.interlink_url.rstrip('/')}:{self.interlink_port}"

    @property
    def in_the_clear(self) -> bool:
        """Does what is sent to the interLink API server leave this machine unprotected?"""
        parts = urlsplit(self.interlink)
        return parts.scheme == "http" and not is_loopback(parts.hostname or "")

    @property
    def capacity(self) -> dict[str, str]:
        """Configured quantities by resource."""
        offered = self.resources
        amounts = {"cpu": offered.cpu, "memory": offered.memory, "pods": str(offered.pods)}
        if offered.ephemeral_storage:
            amounts["ephemeral-storage"] = offered.ephemeral_storage
        counts: dict[str, int] = {}
        for accelerator in offered.accelerators:
            counts[accelerator.resource_type] = counts.get(accelerator.resource_type, 0) + accelerator.available
        return amounts | {kind: str(count) for kind, count in counts.items() if count}

    @property
    def labels(self) -> dict[str, str]:
        """Configured labels, and the model of each kind of accelerator as interLink labels it."""
        made = {
            f"{ACCELERATOR_LABELS[a.resource_type]}-type": a.label_value
            for a in self.resources.accelerators
            if a.label_value
        }
        return made | dict(label.split("=", 1) for label in self.node_labels)

    @property
    def taints(self) -> list[Taint]:
        return [Taint(t.key, t.value, t.effect) for t in self.node_taints]


def load(path: Path, environment: Mapping[str, str]) -> Settings:
    """Settings of `path`, the environment winning over it. Raises SettingsError with all problems."""
    overrides = {key: environment[name] for name, key in ENVIRONMENT.items() if environment.get(name)}
    return load_settings(Settings, path, overrides, unknown="warn")
