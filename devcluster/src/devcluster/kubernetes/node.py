"""containerd, kubelet and kube-proxy: the node that runs ordinary pods.

The settings are for a kubelet inside of a machine that shares the host's kernel: it may not be allowed to lower OOM scores
(no CAP_SYS_RESOURCE in many containers and virtual machines), must not change the host's kernel settings, and must never
collect the images, which no registry could give back.
"""

import json
from pathlib import Path

import yaml

from devcluster.addresses import AddressPlan
from devcluster.kubernetes.certificates import INSIDE, NODE
from devcluster.machine import Bind, Machine, Program

POD_SUBNET = "10.244.0.0/21"
CLUSTER_DNS = "10.96.0.10"
MAX_PODS = 400
CONTAINERD_SOCKET = "unix:///run/containerd/containerd.sock"

# What the kubelet would write to the host's kernel. It reads first: finding its wish fulfilled it writes nothing.
_KERNEL_WISHES = {
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}


def kernel_binds(folder: Path) -> tuple[Bind, ...]:
    """Files that the machine sees in place of the host's kernel settings."""
    folder.mkdir(parents=True, exist_ok=True)
    binds = []
    for name, value in _KERNEL_WISHES.items():
        stand_in = folder / name.replace("/", ".")
        if not stand_in.is_file():
            stand_in.write_text(f"{value}\n")
        binds.append(Bind(stand_in, f"/proc/sys/{name}"))
    return tuple(binds)


def write_configuration(machine: Machine, plan: AddressPlan, pause_image: str) -> None:
    machine.write("/etc/containerd/config.toml", containerd_config(pause_image))
    machine.write("/etc/cni/net.d/10-bridge.conflist", json.dumps(_CNI, indent=1))
    machine.write("/etc/kubernetes/kubelet.yaml", yaml.safe_dump(kubelet_config(plan)))
    machine.write("/etc/kubernetes/proxy.yaml", yaml.safe_dump(_PROXY))


def containerd() -> Program:
    return Program("containerd", ("containerd",), order=10)


def kubelet(plan: AddressPlan) -> Program:
    argv = (
        "kubelet",
        "--config=/etc/kubernetes/kubelet.yaml",
        f"--kubeconfig={INSIDE}/kubelet.kubeconfig",
        f"--hostname-override={NODE}",
        f"--node-ip={plan.hub}",
    )
    return Program("kubelet", argv, order=40)


def kube_proxy() -> Program:
    return Program("kube-proxy", ("kube-proxy", "--config=/etc/kubernetes/proxy.yaml"), order=40)


def containerd_config(pause_image: str) -> str:
    return f"""\
version = 2

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause_image}"
  restrict_oom_score_adj = true

[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "/usr/lib/cni"
  conf_dir = "/etc/cni/net.d"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
  SystemdCgroup = false
"""


def kubelet_config(plan: AddressPlan) -> dict[str, object]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": str(plan.hub),
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": f"{INSIDE}/ca.crt"},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": f"{INSIDE}/kubelet-server.crt",
        "tlsPrivateKeyFile": f"{INSIDE}/kubelet-server.key",
        "containerRuntimeEndpoint": CONTAINERD_SOCKET,
        "cgroupDriver": "cgroupfs",
        "enforceNodeAllocatable": [],
        "oomScoreAdj": 0,
        "failSwapOn": False,
        "clusterDomain": "cluster.local",
        "clusterDNS": [CLUSTER_DNS],
        "resolvConf": "",
        "maxPods": MAX_PODS,
        "serializeImagePulls": False,
        "evictionHard": {"memory.available": "64Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "shutdownGracePeriod": "0s",
        "fileCheckFrequency": "0s",
        # The node's default is 10 events and 50 requests a second; bursts of pods are what this cluster is for.
        "registryPullQPS": 0,
        "eventRecordQPS": 0,
        "kubeAPIQPS": 100,
        "kubeAPIBurst": 200,
    }


_CNI = {
    "cniVersion": "1.0.0",
    "name": "highrate",
    "plugins": [
        {
            "type": "bridge",
            "bridge": "cni0",
            "isDefaultGateway": True,
            "ipMasq": True,
            "hairpinMode": True,
            # On tmpfs: a machine that starts again has no pods, and must not remember their addresses.
            "ipam": {"type": "host-local", "dataDir": "/run/cni", "ranges": [[{"subnet": POD_SUBNET}]]},
        },
        {"type": "portmap", "capabilities": {"portMappings": True}},
    ],
}

_PROXY = {
    "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
    "kind": "KubeProxyConfiguration",
    "mode": "iptables",
    "hostnameOverride": NODE,
    "clusterCIDR": POD_SUBNET,
    "clientConnection": {"kubeconfig": f"{INSIDE}/proxy.kubeconfig"},
    "oomScoreAdj": 0,
    "conntrack": {"maxPerCore": 0},  # the table's size belongs to the host
    "metricsBindAddress": "127.0.0.1:10249",
    "iptables": {"minSyncPeriod": "0s"},
}
