"""The strangest manifests: each does what a kubelet would do, or is told why not; none is half done and none is a crash."""

from collections.abc import Callable

import pytest
from condor_sidecar.job.supervisor import plan as job

from tests.unit.sidecar.compile.pods import Json, compiled, container, files, job_of, pod, reasons
from tests.unit.sidecar.compile.rows import SITE

Seen = Callable[[job.Pod], object]


def env(*pairs: tuple[str, str]) -> list[Json]:
    return [{"name": name, "value": value} for name, value in pairs]


def mounts(*each: Json) -> list[Json]:
    return [{"name": "v", **mount} for mount in each]


EMPTY = [{"name": "v", "emptyDir": {}}]
HONOURED: dict[str, tuple[Json, Seen, object]] = {
    "variables that call each other in circles": (
        pod(container(env=env(("A", "$(B)"), ("B", "$(A)")), args=["$(A)$(B)"])),
        lambda made: made.containers[0].args,
        ["$(B)$(A)"],
    ),
    "a variable whose name is a reference": (
        pod(container(env=env(("$(A)", "x"), ("A", "y")), args=["$($(A))"])),
        lambda made: made.containers[0].args,
        ["$($(A))"],
    ),
    "a thousand variables of one name": (
        pod(container(env=env(*(("N", str(number)) for number in range(1000))))),
        lambda made: made.containers[0].env,
        [("N", "999")],
    ),
    "arguments that look like options, quotes and newlines": (
        pod(container(command=["--", "-c", "\n", "'", '"', "$$"], args=["", " "])),
        lambda made: made.containers[0].command + made.containers[0].args,
        ["--", "-c", "\n", "'", '"', "$", "", " "],
    ),
    "one volume mounted a dozen times, over itself": (
        pod(
            container(volumeMounts=mounts(*({"mountPath": "/a" + "/b" * depth} for depth in range(12)))), volumes=EMPTY
        ),
        lambda made: len(made.containers[0].mounts),
        12,
    ),
    "a mount over the image's own /etc/hosts and /etc/resolv.conf": (
        pod(
            container(volumeMounts=mounts({"mountPath": "/etc/hosts"}, {"mountPath": "/etc/resolv.conf"})),
            volumes=EMPTY,
        ),
        lambda made: [mount.path for mount in made.containers[0].mounts],
        ["/etc/hosts", "/etc/resolv.conf"],
    ),
    "a mount path without its first slash": (
        pod(container(volumeMounts=mounts({"mountPath": "relative/x"})), volumes=EMPTY),
        lambda made: made.containers[0].mounts[0].path,
        "/relative/x",
    ),
    "paths with commas, colons, quotes and no end of slashes": (
        pod(container(volumeMounts=mounts({"mountPath": '//a,b:c"d//é/'}), workingDir='//w,"x'), volumes=EMPTY),
        lambda made: (made.containers[0].mounts[0].path, made.containers[0].work_dir),
        ('/a,b:c"d/é', '/w,"x'),
    ),
    "a volume that nobody mounts, of a ConfigMap that doesn't exist": (
        pod(volumes=[{"name": "unused", "configMap": {"name": "none"}}]),
        lambda made: made.volumes,
        [],
    ),
    "quantities in exponents, nanocores and no units": (
        pod(
            container(
                resources={"requests": {"cpu": "1000000000n", "memory": "1e9", "ephemeral-storage": "1073741824"}}
            )
        ),
        lambda made: made.containers[0].memory_limit,
        None,
    ),
    "user 0, of a group that nobody has": (
        pod(container(securityContext={"runAsUser": 0, "runAsGroup": 2**31 - 1})),
        lambda made: (made.containers[0].user, made.containers[0].group),
        (0, 2**31 - 1),
    ),
    "a subdomain, and a name that ends in hyphens when it is cut": (
        pod(hostname="a" * 62 + "-b", subdomain="s"),
        lambda made: made.hostname,
        "a" * 62,
    ),
    "aliases of one name for addresses of both families": (
        pod(hostAliases=[{"ip": "::1", "hostnames": ["x"]}, {"ip": "10.0.0.1", "hostnames": ["x", "x"]}]),
        lambda made: [(alias.ip, alias.hostnames) for alias in made.host_aliases],
        [("::1", ["x"]), ("10.0.0.1", ["x", "x"])],
    ),
    "empty values of fields that would be rejected": (
        pod(dnsConfig={}, overhead={}, ephemeralContainers=[], hostPID=False, securityContext=None, resources={}),
        lambda made: made.dns,
        None,
    ),
    "a port of the machine that is the container's own": (
        pod(container(ports=[{"containerPort": 80, "hostPort": 80, "protocol": "SCTP"}])),
        lambda made: len(made.containers),
        1,
    ),
    "a termination message straight in /dev": (
        pod(container(terminationMessagePath="/dev/null")),
        lambda made: made.containers[0].message_path,
        "/dev/null",
    ),
}

REFUSED: dict[str, tuple[Json, list[str]]] = {
    "a mount over the whole root": (
        pod(container(volumeMounts=mounts({"mountPath": "//"})), volumes=EMPTY),
        ['nothing can be mounted at "//": use a directory below / (containers[0].volumeMounts[0].mountPath)'],
    ),
    "a mount over /proc": (
        pod(container(volumeMounts=mounts({"mountPath": "/proc/self/../.."}, {"mountPath": "/proc/x"})), volumes=EMPTY),
        ['nothing can be mounted at "/proc/self/../.."', 'nothing can be mounted at "/proc/x"'],
    ),
    "the same path twice in two spellings": (
        pod(container(volumeMounts=mounts({"mountPath": "/a"}, {"mountPath": "/b/../a/"})), volumes=EMPTY),
        ['"/a" is mounted twice: remove one'],
    ),
    "a sub-path that climbs out": (
        pod(container(volumeMounts=mounts({"mountPath": "/a", "subPath": "x/../../y"})), volumes=EMPTY),
        ['"x/../../y" leads out of the volume'],
    ),
    "a sub-path made to climb by a variable": (
        pod(
            container(env=env(("UP", "..")), volumeMounts=mounts({"mountPath": "/a", "subPathExpr": "$(UP)/x"})),
            volumes=EMPTY,
        ),
        ['"../x" leads out of the volume'],
    ),
    "a volume of two kinds and one of none": (
        pod(volumes=[{"name": "v", "emptyDir": {}, "hostPath": {"path": "/cvmfs"}}, {"name": "w"}]),
        ['volume "v" must have exactly one source', 'volume "w" must have exactly one source'],
    ),
    "a mount of a volume that isn't there": (
        pod(container(volumeMounts=mounts({"mountPath": "/a"}))),
        ['the pod has no volume "v": correct it'],
    ),
    "a hostPath that pretends to be allowed": (
        pod(
            container(volumeMounts=mounts({"mountPath": "/a"})),
            volumes=[{"name": "v", "hostPath": {"path": "/cvmfs/../etc"}}],
        ),
        ['hostPath "/cvmfs/../etc" is not offered at this site'],
    ),
    "a hostPath next to an allowed one": (
        pod(
            container(volumeMounts=mounts({"mountPath": "/a"})),
            volumes=[{"name": "v", "hostPath": {"path": "/cvmfs2"}}],
        ),
        ['hostPath "/cvmfs2" is not offered at this site'],
    ),
    "containers that share a name, one of them an init container": (
        pod(container("a"), container("a"), initContainers=[container("a")]),
        ['two containers have the name "a": rename one'],
    ),
    "a pod of nothing": (pod(containers=[]), ["a pod needs a container: add one"]),
    "fields of tomorrow": (
        pod(container(teleport={"to": "mars"}), antigravity=True),
        ["this field is not supported at this site: remove it (antigravity)", "remove it (containers[0].teleport)"],
    ),
    "numbers where texts belong": (
        pod(container(image=7, workingDir=True, env=[{"name": 1, "value": 2}])),
        ["image must be a string, not int", "workingDir must be a string, not bool", "value must be a string, not int"],
    ),
    "quantities that are none": (
        pod(container(resources={"requests": {"cpu": "1,5", "memory": "NaN"}, "limits": {"nvidia.com/gpu": "0.5"}})),
        ['cpu "1,5" is not a Kubernetes quantity', 'memory "NaN" is not', 'nvidia.com/gpu "0.5" is not a whole number'],
    ),
    "a name that is a command": (
        pod(container("$(rm -rf)")),
        ['"$(rm -rf)" can\'t be the name of a container'],
    ),
    "root that may not be root": (
        pod(securityContext={"runAsNonRoot": True, "runAsUser": 0}),
        ["runAsNonRoot forbids user 0: remove one of both"],
    ),
    "windows inside, linux outside": (
        pod(container(securityContext={"windowsOptions": {"runAsUserName": "x"}}), os={"name": "linux"}),
        ["only Linux pods run at this site: remove them"],
    ),
}


@pytest.mark.parametrize("name", list(HONOURED))
def test_it_does_what_a_kubelet_would_do(name: str) -> None:
    asking, look, expected = HONOURED[name]
    assert look(job_of(compiled(asking, SITE))) == expected


@pytest.mark.parametrize("name", list(REFUSED))
def test_it_is_told_why_not(name: str) -> None:
    asking, words = REFUSED[name]
    said = reasons(asking, SITE)
    assert all(any(each in reason for reason in said) for each in words), said


def test_a_secret_volume_over_a_config_map_over_a_scratch_directory() -> None:
    volumes = [
        {"name": "a", "emptyDir": {}},
        {"name": "b", "configMap": {"name": "c"}},
        {"name": "c", "secret": {"secretName": "s", "items": [{"key": "k", "path": "deep/er/k", "mode": 0}]}},
    ]
    where = [{"name": "c", "mountPath": "/x/y/z"}, {"name": "a", "mountPath": "/x"}, {"name": "b", "mountPath": "/x/y"}]
    said = reasons(
        pod(container(volumeMounts=where), volumes=volumes),
        SITE,
        config_maps={"c": {"data": {"..hidden": "1"}, "binaryData": {"b": "/w=="}}},
        secrets={"s": {"k": b"K"}},
    )
    assert len(said) == 1 and said[0].startswith('"..hidden" can\'t be the path of a file in a volume')


def test_a_file_that_nobody_may_read_comes_with_its_mode() -> None:
    volumes = [{"name": "v", "secret": {"secretName": "s", "items": [{"key": "k", "path": "k", "mode": 0}]}}]
    plan = compiled(
        pod(container(volumeMounts=mounts({"mountPath": "/s"})), volumes=volumes), SITE, secrets={"s": {"k": b"K"}}
    )
    assert files(plan) == {"volumes/v/k": (b"K", 0)}
