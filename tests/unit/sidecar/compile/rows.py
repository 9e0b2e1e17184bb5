"""One pod for each area of what pods may ask, and one that asks of it all that can't be had."""

from dataclasses import replace
from typing import NamedTuple

from condor_sidecar.core.compile.annotations import READERS
from condor_sidecar.core.policy import HostPathRule, ImagePolicy, Policy, VolumeRule

from tests.unit.sidecar.compile.pods import Json, container, pod

SITE = Policy(
    images=ImagePolicy(unpacked_roots=("/cvmfs/unpacked.example.org",)),
    host_paths=(HostPathRule("/cvmfs"), HostPathRule("/data", "/storage", read_only=False)),
    volumes=(
        VolumeRule("/cvmfs", driver="cvmfs.csi.cern.ch"),
        VolumeRule("/eos/{namespace}/{claim}", storage_class="eos", read_only=False, create=True),
    ),
    user_annotations=frozenset(READERS),
    accounting_groups=("group_lab",),
    requirements={"eos": "TARGET.HasEos"},
    apptainer_options=("--no-privs",),
    require_gpus={"amd.com/gpu": 'regexp("AMD", DeviceName)'},
)
AUTH = "eyJhdXRocyI6eyJxdWF5LmlvIjp7ImF1dGgiOiJkVHB3In19fQ=="  # {"auths":{"quay.io":{"auth":"dTpw"}}}


class Row(NamedTuple):
    """An area of the specification: a pod that is taken with what comes along, and one that isn't."""

    taken: Json
    rejected: Json
    objects: Json = {}
    policy: Policy = SITE


def annotated(of: Json, **annotations: str) -> Json:
    of["metadata"]["annotations"] = {
        f"htcondor-job.vk.io/{key.replace('_', '-')}": value for key, value in annotations.items()
    }
    return of


def mounting(volumes: dict[str, Json], **mount: object) -> Json:
    """A pod that mounts each volume below /mnt."""
    mounts = [{"name": name, "mountPath": f"/mnt/{name}", **mount} for name in volumes]
    return pod(container(volumeMounts=mounts), volumes=[{"name": name, **volume} for name, volume in volumes.items()])


def claim(volume: str, name: str, **more: object) -> Json:
    return {"volume": volume, "claim": name, "storageClass": "eos", "volumeMode": "Filesystem", **more}


ADDRESS = {"fieldRef": {"apiVersion": "v1", "fieldPath": "status.podIP"}}
ROWS = {
    "environment": Row(
        pod(
            container(
                env=[
                    {"name": "IP", "valueFrom": ADDRESS},
                    {"name": "URL", "value": "http://$(IP):80/$$(IP)", "valueFrom": ADDRESS},
                    {"name": "no.identifier-1", "value": "$(IP)"},
                    {"name": "TWICE", "value": "1"},
                    {"name": "TWICE", "value": "2"},
                    {"name": "EMPTY"},
                ],
                command=["run", "$(TWICE)", "$$(TWICE)", "$(NONE)", "$(URL)"],
                args=["$(no.identifier-1)"],
            )
        ),
        pod(
            container(
                env=[
                    {"name": "A=B", "value": ""},
                    {"name": "", "value": "x"},
                    {"name": "N", "value": "a\0b"},
                    {"name": "S", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
                ],
                envFrom=[{"configMapRef": {"name": "c"}}],
            )
        ),
    ),
    "volumes": Row(
        mounting(
            {
                "config": {"configMap": {"name": "c", "defaultMode": 0o440, "items": [{"key": "k", "path": "a/b", "mode": 0o400}]}},
                "secret": {"secret": {"secretName": "s", "optional": True}},
                "all": {"projected": {"defaultMode": 0o444, "sources": [{"serviceAccountToken": {"path": "token"}}]}},
                "scratch": {"emptyDir": {"sizeLimit": "1Gi"}},
                "memory": {"emptyDir": {"medium": "Memory"}},
                "host": {"hostPath": {"path": "/data/x", "type": "DirectoryOrCreate"}},
                "eos": {"persistentVolumeClaim": {"claimName": "home"}},
                "own": {"ephemeral": {"volumeClaimTemplate": {}}},
                "cvmfs": {"csi": {"driver": "cvmfs.csi.cern.ch", "volumeAttributes": {"repository": "a.cern.ch"}}},
            }
        ),
        mounting(
            {
                "missing": {"configMap": {"name": "none"}},
                "path": {"configMap": {"name": "c", "items": [{"key": "k", "path": "../x"}]}},
                "pages": {"emptyDir": {"medium": "HugePages"}},
                "etc": {"hostPath": {"path": "/etc"}},
                "socket": {"hostPath": {"path": "/data/s", "type": "Socket"}},
                "device": {"hostPath": {"path": "/data/d", "type": "CharDevice"}},
                "disk": {"hostPath": {"path": "/data/d", "type": "BlockDevice"}},
                "made": {"hostPath": {"path": "/cvmfs/x", "type": "FileOrCreate"}},
                "claim": {"persistentVolumeClaim": {"claimName": "other"}},
                "driver": {"csi": {"driver": "secrets-store.csi.k8s.io"}},
                "nfs": {"nfs": {"server": "s", "path": "/"}},
            },
            mountPropagation="Bidirectional",
        ),
        {
            "config_maps": {"c": {"data": {"k": "v"}, "binaryData": {"b": "AP8="}}},
            "projected": {"all": {"token": "T"}},
            "claims": [claim("eos", "home"), claim("own", "hello-own", accessModes=["ReadOnlyMany"])],
        },
    ),
    "resources": Row(
        annotated(
            pod(
                container(
                    resources={
                        "requests": {"cpu": "1500m", "memory": "1Gi"},
                        "limits": {"memory": "2Gi", "amd.com/gpu": "2"},
                    }
                ),
                container("b", resources={"requests": {"cpu": "1"}, "limits": {"ephemeral-storage": "5Gi"}}),
                initContainers=[container("i", resources={"requests": {"cpu": "4"}})],
            ),
            gpu_model="AMD Instinct MI250X",
            request_disk="20Gi",
            max_walltime="2h",
        ),
        pod(
            container(
                resources={
                    "requests": {"cpu": "-1", "memory": "12Q", "hugepages-2Mi": "2Mi", "vendor.example/fpga": "1"},
                    "limits": {"nvidia.com/gpu": "1", "amd.com/gpu": "1"},
                    "claims": [{"name": "x"}],
                },
                volumeDevices=[{"name": "disk", "devicePath": "/dev/x"}],
            ),
            resourceClaims=[{"name": "x"}],
            activeDeadlineSeconds=10**9,
        ),
    ),
    "resources-ce": Row(
        annotated(pod(container(resources={"limits": {"cpu": "2", "memory": "4Gi", "nvidia.com/gpu": "1"}})), gpu_model="A100"),
        pod(container(resources={"limits": {"memory": "1Ti"}})),
        policy=replace(SITE, mode=type(SITE.mode)("ce"), limits=replace(SITE.limits, memory_mib=65536)),
    ),
    "security": Row(
        pod(
            container(
                securityContext={
                    "runAsUser": 0,
                    "runAsNonRoot": False,
                    "readOnlyRootFilesystem": True,
                    "allowPrivilegeEscalation": False,
                    "privileged": False,
                    "capabilities": {"drop": ["ALL"]},
                    "seccompProfile": {"type": "Unconfined"},
                    "procMount": "Default",
                }
            ),
            container("b"),
            securityContext={"runAsUser": 1000, "runAsGroup": 100, "fsGroup": 100, "runAsNonRoot": True},
            hostUsers=False,
            hostNetwork=True,
        ),
        pod(
            container(
                securityContext={
                    "runAsUser": 0,
                    "runAsNonRoot": True,
                    "privileged": True,
                    "allowPrivilegeEscalation": True,
                    "capabilities": {"add": ["NET_ADMIN"]},
                    "procMount": "Unmasked",
                    "seccompProfile": {"type": "Localhost", "localhostProfile": "p"},
                    "appArmorProfile": {"type": "Localhost", "localhostProfile": "p"},
                    "windowsOptions": {"hostProcess": True},
                }
            ),
            securityContext={"sysctls": [{"name": "kernel.shm_rmid_forced", "value": "1"}], "supplementalGroups": [5]},
            hostPID=True,
            hostIPC=True,
            shareProcessNamespace=True,
        ),
    ),
    "names": Row(
        pod(
            hostname="web",
            subdomain="lab",
            setHostnameAsFQDN=True,
            hostAliases=[{"ip": "10.1.2.3", "hostnames": ["db", "db.lab"]}],
            dnsPolicy="None",
            dnsConfig={"nameservers": ["192.0.2.1"], "searches": ["lab.example.org"], "options": [{"name": "ndots", "value": "2"}]},
        ),
        pod(
            subdomain="s" * 60,
            setHostnameAsFQDN=True,
            dnsPolicy="None",
            dnsConfig={"searches": ["a b"]},
            os={"name": "windows"},
            runtimeClassName="kata",
            overhead={"cpu": "1"},
        ),
    ),
    "containers": Row(
        pod(
            container(
                ports=[{"name": "web", "containerPort": 80}],
                startupProbe={"httpGet": {"port": "web", "path": "a b#c", "httpHeaders": [{"name": "X", "value": "y"}]}},
                readinessProbe={"tcpSocket": {"port": "web", "host": "h"}, "periodSeconds": 5},
                livenessProbe={"grpc": {"port": 9, "service": "s"}, "terminationGracePeriodSeconds": 3},
                lifecycle={"postStart": {"exec": {"command": ["a"]}}, "preStop": {"sleep": {"seconds": 3}}, "stopSignal": "SIGHUP"},
                terminationMessagePath="/m",
                terminationMessagePolicy="FallbackToLogsOnError",
            ),
            initContainers=[
                container("proxy", restartPolicy="Always", startupProbe={"exec": {"command": ["up"]}}),
                container("once"),
            ],
            terminationGracePeriodSeconds=60,
        ),
        pod(
            container(
                restartPolicy="Always",
                restartPolicyRules=[{"action": "Restart"}],
                ports=[{"containerPort": 80, "hostPort": 81, "hostIP": "127.0.0.1"}],
                startupProbe={"httpGet": {"port": "web", "scheme": "FTP", "httpHeaders": [{"name": "a b", "value": "\n"}]}},
                readinessProbe={"tcpSocket": {"port": 0}, "periodSeconds": -1},
                livenessProbe={"exec": {"command": ["a"]}, "grpc": {"port": 9}},
                lifecycle={
                    "postStart": {"tcpSocket": {"port": 80}}, "preStop": {"sleep": {"seconds": -1}}, "stopSignal": "SIGRTMIN+3",
                },
                terminationMessagePath="m",
                terminationMessagePolicy="Always",
                imagePullPolicy="Sometimes",
            ),
            container("probed", livenessProbe={"exec": {"command": ["a"]}, "terminationGracePeriodSeconds": 10**6}),
            initContainers=[
                container("i", restartPolicy="OnFailure"),
                container("j", readinessProbe={"exec": {"command": ["a"]}}, lifecycle={"preStop": {"exec": {"command": ["a"]}}}),
            ],
            restartPolicy="Sometimes",
            terminationGracePeriodSeconds=-1,
        ),
    ),
    "images": Row(
        annotated(
            pod(
                container(image="quay.io/lab/private@sha256:" + "a" * 64),
                container("b", image="oras://quay.io/lab/sif:1"),
                container("c", image="busybox", imagePullPolicy="Never"),
                container("d", image="/cvmfs/images/x"),
            ),
            image_root="/cvmfs/lab.example.org",
        ),
        pod(
            container(image="Bad Image"),
            container("b", image="/home/x"),
            container("c", image=""),
            container("d", image="http://x/y.sif"),
        ),
        {"pull_secrets": [{"metadata": {"name": "s"}, "data": {".dockerconfigjson": AUTH}}]},
    ),
    "annotations": Row(
        annotated(
            pod(container(command=["sh", "-c", "'date'"])),
            accounting_group="group_lab",
            requirements="eos",
            singularity_options="--no-privs",
            arg_quoting="legacy",
        ),
        annotated(
            pod(),
            accounting_group="group_root",
            requirements="true",
            singularity_options="--bind=/",
            image_root="/root",
            keep_sa_token="1",
            arg_quoting="x",
            gpu_model='"',
            pre_exec="x",
            restart_on_evict="true",
            what="x",
        ),
    ),
}  # fmt: skip
