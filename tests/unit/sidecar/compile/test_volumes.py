"""ConfigMaps, Secrets, projected files, scratch directories and the site's own paths become volumes of the job."""

from typing import Any

import pytest
from condor_sidecar.core.policy import HostPathRule, Policy
from condor_sidecar.job.supervisor import plan as job

from tests.unit.sidecar.compile.pods import Json, compiled, container, files, first, job_of, pod, reasons

CONFIG = {"settings": {"data": {"a.txt": "alpha", "b": "bravo\n"}, "binaryData": {"bin": "AP8="}}}
SECRET = {"password": {"key": b"\x00\xff secret", "other": b"x"}}
PROJECTED = {"all": {"labels": 'a="b"\n', "dir/token": "T"}}


def mounting(volume: Json, mount: Json | None = None, name: str = "v") -> Json:
    """A pod whose container mounts `volume` at /mnt."""
    return pod(
        container(volumeMounts=[{"name": name, "mountPath": "/mnt", **(mount or {})}]),
        volumes=[{"name": name, **volume}],
    )


@pytest.mark.parametrize(
    ("volume", "expected"),
    [
        (
            {"configMap": {"name": "settings", "defaultMode": 420}},
            {"a.txt": (b"alpha", 0o644), "b": (b"bravo\n", 0o644), "bin": (b"\x00\xff", 0o644)},
        ),
        (
            {"configMap": {"name": "settings", "defaultMode": 0o400, "items": [{"key": "b", "path": "x/y"}]}},
            {"x/y": (b"bravo\n", 0o400)},
        ),
        (
            {"configMap": {"name": "settings", "items": [{"key": "b", "path": "p", "mode": 0o755}]}},
            {"p": (b"bravo\n", 0o755)},
        ),
        ({"configMap": {"name": "none", "optional": True}}, {}),
        (
            {
                "configMap": {
                    "name": "settings",
                    "optional": True,
                    "items": [{"key": "no", "path": "n"}, {"key": "b", "path": "b"}],
                }
            },
            {"b": (b"bravo\n", 0o644)},
        ),
        (
            {"secret": {"secretName": "password", "defaultMode": 0o440}},
            {"key": (b"\x00\xff secret", 0o440), "other": (b"x", 0o440)},
        ),
        (
            {"secret": {"secretName": "password", "items": [{"key": "key", "path": "k"}]}},
            {"k": (b"\x00\xff secret", 0o644)},
        ),
        ({"secret": {"secretName": "none", "optional": True}}, {}),
    ],
)
def test_the_files_of_an_object_come_with_their_modes(volume: Json, expected: dict[str, tuple[bytes, int]]) -> None:
    plan = compiled(mounting(volume), config_maps=CONFIG, secrets=SECRET)
    assert files(plan) == {f"volumes/v/{path}": file for path, file in expected.items()}
    assert job_of(plan).volumes == [job.Volume("v", job.FILES)]


def test_projected_files_come_as_delivered_with_the_pod_s_modes() -> None:
    sources = [
        {"downwardAPI": {"items": [{"path": "labels", "mode": 0o400, "fieldRef": {"fieldPath": "metadata.labels"}}]}},
        {"secret": {"name": "s", "items": [{"key": "k", "path": "dir/token"}]}},
    ]
    plan = compiled(
        mounting({"projected": {"sources": sources, "defaultMode": 0o440}}, name="all"), projected=PROJECTED
    )
    assert files(plan) == {"volumes/all/labels": (b'a="b"\n', 0o400), "volumes/all/dir/token": (b"T", 0o440)}


@pytest.mark.parametrize(
    ("source", "objects"),
    [
        (
            {"configMap": {"name": "c", "items": [{"key": "k", "path": "x/y/z"}, {"key": "l", "path": "x"}]}},
            {"config_maps": {"c": {"data": {"k": "v", "l": "w"}}}},
        ),
        (
            {"projected": {"sources": [{"secret": {"name": "s"}}, {"serviceAccountToken": {"path": "x/y/z"}}]}},
            {"projected": {"v": {"x": "v", "x/y/z": "T"}}},
        ),
    ],
)
def test_no_path_is_a_file_and_a_directory_at_once(source: Json, objects: Json) -> None:
    (kind,) = source
    assert reasons(mounting(source), **objects) == (
        f'"x" can\'t be a file of the volume beside "x/y/z": rename one (volumes[0].{kind})',
    )


def test_a_downward_api_volume_comes_like_a_projected_one() -> None:
    items = [{"path": "labels", "mode": 0o600, "fieldRef": {"fieldPath": "metadata.labels"}}]
    plan = compiled(mounting({"downwardAPI": {"items": items}}, name="d"), projected={"d": {"labels": "x"}})
    assert files(plan) == {"volumes/d/labels": (b"x", 0o600)}


def test_the_default_service_account_token_stays_in_the_cluster() -> None:
    authority = {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}}
    source = {"projected": {"sources": [{"serviceAccountToken": {"path": "token"}}, authority]}}
    carrying = mounting(source, name="kube-api-access-x2b4q")
    plan = compiled(carrying)
    assert (job_of(plan).volumes, first(plan).mounts, files(plan)) == ([], [], {})
    kept = compiled(
        carrying, Policy(keep_service_account_token=True), projected={"kube-api-access-x2b4q": {"token": "T"}}
    )
    assert files(kept) == {"volumes/kube-api-access-x2b4q/token": (b"T", 0o644)}


@pytest.mark.parametrize("name", ["mine", "kube-api-access-mine"])
@pytest.mark.parametrize(
    "sources",
    [
        [{"serviceAccountToken": {"path": "token", "audience": "x"}}, {"configMap": {"name": "kube-root-ca.crt"}}],
        [{"serviceAccountToken": {"path": "token"}}],
    ],
)
def test_a_token_that_the_pod_asks_for_itself_is_delivered(name: str, sources: list[Json]) -> None:
    plan = compiled(mounting({"projected": {"sources": sources}}, name=name), projected={name: {"token": "T"}})
    assert files(plan) == {f"volumes/{name}/token": (b"T", 0o644)}
    assert [mount.volume for mount in first(plan).mounts] == [name]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ({}, job.Volume("v", job.EMPTY)),
        ({"medium": "Memory"}, job.Volume("v", job.EMPTY, memory=True)),
        ({"sizeLimit": "1Mi"}, job.Volume("v", job.EMPTY, size_limit=1048576)),
        ({"sizeLimit": "0"}, job.Volume("v", job.EMPTY)),
        ({"sizeLimit": "1500m"}, job.Volume("v", job.EMPTY, size_limit=2)),
        ({"medium": "Memory", "sizeLimit": "1Mi"}, job.Volume("v", job.EMPTY, memory=True, size_limit=1048576)),
    ],
)
def test_scratch_directories(source: Json, expected: job.Volume) -> None:
    assert job_of(compiled(mounting({"emptyDir": source}))).volumes == [expected]


@pytest.mark.parametrize(
    ("source", "expected", "read_only"),
    [
        ({"path": "/cvmfs"}, ("/cvmfs", "", "/cvmfs"), True),
        ({"path": "/cvmfs/atlas.cern.ch/", "type": "Directory"}, ("/cvmfs/atlas.cern.ch", "Directory", "/cvmfs"), True),
        ({"path": "/data/x/y", "type": "File"}, ("/storage/data/x/y", "File", "/storage/data"), False),
        ({"path": "/data/public/z"}, ("/data/public/z", "", "/data/public"), True),
        ({"path": "/data"}, ("/storage/data", "", "/storage/data"), False),
    ],
)
def test_the_site_s_paths_are_mounted_where_the_site_allows(
    source: Json, expected: tuple[str, str, str], read_only: bool
) -> None:
    rules = (
        HostPathRule("/cvmfs"),
        HostPathRule("/data", "/storage/data", read_only=False),
        HostPathRule("/data/public"),
    )
    plan = compiled(mounting({"hostPath": source}), Policy(host_paths=rules))
    path, kind, root = expected
    assert job_of(plan).volumes == [job.Volume("v", job.HOST, path, kind, root=root)]
    assert first(plan).mounts == [job.Mount("v", "/mnt", "", read_only)]


@pytest.mark.parametrize(
    ("mount", "expected"),
    [
        ({}, job.Mount("v", "/mnt")),
        ({"readOnly": True}, job.Mount("v", "/mnt", read_only=True)),
        ({"subPath": "a/b"}, job.Mount("v", "/mnt", "a/b")),
        ({"subPathExpr": "$(POD)/x"}, job.Mount("v", "/mnt", "hello/x")),
        ({"mountPath": "/a b/c,d:e"}, job.Mount("v", "/a b/c,d:e")),
        ({"mountPath": "data//x/"}, job.Mount("v", "/data/x")),
        ({"mountPath": "/dev/shm"}, job.Mount("v", "/dev/shm")),
        ({"mountPropagation": "None", "recursiveReadOnly": "Disabled"}, job.Mount("v", "/mnt")),
    ],
)
def test_mounts(mount: Json, expected: job.Mount) -> None:
    made = mounting({"emptyDir": {}}, mount)
    made["spec"]["containers"][0]["env"] = [{"name": "POD", "value": "hello"}]
    assert first(compiled(made)).mounts == [expected]


def test_a_volume_that_nobody_mounts_needs_no_object() -> None:
    assert compiled(pod(volumes=[{"name": "v", "configMap": {"name": "missing"}}])).files


V = "volumes[0]"
M = "containers[0].volumeMounts[0]"


@pytest.mark.parametrize(
    ("volume", "mount", "reason"),
    [
        (
            {"configMap": {"name": "no"}},
            {},
            f'ConfigMap "no" did not come with the pod: create it, or set optional: true ({V}.configMap)',
        ),
        (
            {"secret": {"secretName": "no"}},
            {},
            f'Secret "no" did not come with the pod: create it, or set optional: true ({V}.secret)',
        ),
        (
            {"projected": {"sources": [{"configMap": {"name": "x"}}]}},
            {},
            f'the files of volume "v" did not come with the pod ({V}.projected)',
        ),
        (
            {"configMap": {"name": "settings", "items": [{"key": "no", "path": "x"}]}},
            {},
            f'ConfigMap "settings" has no key "no": correct it, or set optional: true ({V}.configMap.items[0].key)',
        ),
        (
            {"configMap": {"name": "settings", "items": [{"key": "b", "path": "../x"}]}},
            {},
            f'"../x" can\'t be the path of a file in a volume: use a relative path without ".." ({V}.configMap.items[0].path)',
        ),
        (
            {"configMap": {"name": "settings", "defaultMode": 4096}},
            {},
            f"mode 4096 is not between 0 and 0777 (511): correct it ({V}.configMap.defaultMode)",
        ),
        (
            {"nfs": {"server": "s", "path": "/"}},
            {},
            "nfs volumes can't be mounted at this site: use a ConfigMap, Secret, projected or emptyDir volume (volumes[0].nfs)",
        ),
        (
            {"emptyDir": {"medium": "HugePages"}},
            {},
            f'medium "HugePages" is not offered at this site: remove it ({V}.emptyDir.medium)',
        ),
        (
            {"emptyDir": {"sizeLimit": "1GB"}},
            {},
            f'sizeLimit "1GB" is not a Kubernetes quantity ({V}.emptyDir.sizeLimit)',
        ),
        ({}, {}, f'volume "v" must have exactly one source ({V})'),
        (
            {"hostPath": {"path": "/etc"}},
            {},
            f'hostPath "/etc" is not offered at this site (offered: /cvmfs): remove it or use an emptyDir ({V}.hostPath.path)',
        ),
        (
            {"hostPath": {"path": "/cvmfs/../etc"}},
            {},
            f'hostPath "/cvmfs/../etc" is not offered at this site (offered: /cvmfs): remove it or use an emptyDir'
            f" ({V}.hostPath.path)",
        ),
        (
            {"hostPath": {"path": "/cvmfsx"}},
            {},
            f'hostPath "/cvmfsx" is not offered at this site (offered: /cvmfs): remove it or use an emptyDir ({V}.hostPath.path)',
        ),
        (
            {"hostPath": {"path": "/cvmfs", "type": "Socket"}},
            {},
            f'hostPath type "Socket" is not offered at this site: use Directory or File ({V}.hostPath.type)',
        ),
        ({"emptyDir": {}}, {"name": "other"}, f'the pod has no volume "other": correct it ({M}.name)'),
        (
            {"emptyDir": {}},
            {"mountPath": "/"},
            f'nothing can be mounted at "/": use a directory below / ({M}.mountPath)',
        ),
        (
            {"emptyDir": {}},
            {"mountPath": "/proc/x"},
            f'nothing can be mounted at "/proc/x" at this site: use another path ({M}.mountPath)',
        ),
        (
            {"emptyDir": {}},
            {"mountPath": "/x/../dev/y"},
            f'nothing can be mounted at "/x/../dev/y" at this site: use another path ({M}.mountPath)',
        ),
        (
            {"emptyDir": {}},
            {"subPath": "../x"},
            f'"../x" leads out of the volume: use a relative path without ".." ({M}.subPath)',
        ),
        (
            {"emptyDir": {}},
            {"subPath": "/x"},
            f'"/x" leads out of the volume: use a relative path without ".." ({M}.subPath)',
        ),
        (
            {"emptyDir": {}},
            {"mountPropagation": "Bidirectional"},
            f"mounts made later can't be passed on at this site: remove it ({M}.mountPropagation)",
        ),
        (
            {"emptyDir": {}},
            {"recursiveReadOnly": "Enabled"},
            f"this site can't promise it: use IfPossible ({M}.recursiveReadOnly)",
        ),
    ],
)
def test_what_can_t_be_mounted_is_rejected(volume: Json, mount: Json, reason: str) -> None:
    assert reason in reasons(mounting(volume, mount), config_maps=CONFIG)


@pytest.mark.parametrize("name", ["..", "../up", "/abs", "a//b", "a/./b", "", "x/..", "..data", "nul\0", "a" * 256])
def test_no_file_name_escapes_its_volume(name: str) -> None:
    objects: dict[str, Any] = {"settings": {"data": {name: "x"}}}
    assert (
        "can't be the path of a file" in reasons(mounting({"configMap": {"name": "settings"}}), config_maps=objects)[0]
    )


def test_a_secret_that_is_no_base64_is_rejected() -> None:
    carrying = mounting({"configMap": {"name": "settings"}})
    objects: dict[str, Any] = {"settings": {"binaryData": {"k": "not base64!"}}}
    assert reasons(carrying, config_maps=objects)[0].startswith(
        'ConfigMap "settings" was delivered with content that can\'t be read'
    )


def test_one_path_can_t_be_mounted_twice() -> None:
    mounts = [{"name": "v", "mountPath": "/mnt"}, {"name": "v", "mountPath": "/mnt/"}]
    assert (
        '"/mnt" is mounted twice'
        in reasons(pod(container(volumeMounts=mounts), volumes=[{"name": "v", "emptyDir": {}}]))[0]
    )


def test_a_sub_path_of_a_variable_that_the_container_lacks_is_rejected() -> None:
    mount = {"subPathExpr": "$(HERE)/$(NOT)/$$(ESCAPED)"}
    asking = mounting({"emptyDir": {}}, mount)
    asking["spec"]["containers"][0]["env"] = [{"name": "HERE", "value": "x"}]
    assert reasons(asking) == (f'missing value for "NOT": name a variable of the container\'s env ({M}.subPathExpr)',)
