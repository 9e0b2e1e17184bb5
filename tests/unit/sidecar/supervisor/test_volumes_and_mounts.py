"""Volumes are made in the job's directory and mounted where the pod wants them."""

from pathlib import Path
from typing import Any

import pytest
from condor_sidecar.job.supervisor import apptainer, mounts, plan
from condor_sidecar.job.supervisor.volume_files import remove_tree

from tests.unit.sidecar.supervisor.jobs import Job, by_name, container, pod, shell, text

FILES = {"volumes/v/key": b"value", "volumes/v/deep/er": b"deep"}


def mount(*command: str, volumes: list[plan.Volume], mounts: list[plan.Mount], **fields: Any) -> plan.Pod:
    return pod(container("a", *command, mounts=mounts, **fields), volumes=volumes)


def mounted(job: Job) -> dict[str, Any]:
    """The mounts of the first container."""
    found: dict[str, Any] = job.calls()[0]["mounts"]
    return found


def test_files_are_laid_out_as_a_kubelet_does(tmp_path: Path) -> None:
    folder = tmp_path / "pod/volumes/v"
    look = f"cd {folder}; readlink key deep; cat key deep/er; stat -c %a ..data/key; ls -A | sed 's/20.*/DATE/'"
    job = Job(
        tmp_path, pod(shell("a", look, mounts=[plan.Mount("v", "/v")]), volumes=[plan.Volume("v", plan.FILES)]), FILES
    )
    assert text(job.run(), "a").split() == [
        "..data/key",
        "..data/deep",
        "valuedeep640",
        "..DATE",
        "..data",
        "deep",
        "key",
    ]
    assert mounted(job)["/v"] == {"source": str(folder), "ro": True}


def test_one_file_of_a_volume_can_be_mounted(tmp_path: Path) -> None:
    asked = mount("true", volumes=[plan.Volume("v", plan.FILES)], mounts=[plan.Mount("v", "/etc/one", "deep/er")])
    job = Job(tmp_path, asked, FILES)
    job.run()
    source = mounted(job)["/etc/one"]["source"]
    assert source.endswith("/deep/er")
    assert "/..2" in source, "the file itself: later changes of the volume don't reach it, as under a kubelet"


def test_scratch_is_shared_and_writable(tmp_path: Path) -> None:
    folder = tmp_path / "pod/volumes/v"
    volumes = [plan.Volume("v", plan.EMPTY)]
    a = shell("a", f"echo hi > {folder}/x", kind=plan.INIT, mounts=[plan.Mount("v", "/v")])
    b = shell("b", f"cat {folder}/x; stat -c %a {folder}", mounts=[plan.Mount("v", "/w", read_only=True)])
    job = Job(tmp_path, pod(a, b, volumes=volumes))
    assert text(job.run(), "b") == "hi\n777\n"
    assert [call["mounts"].get("/v", call["mounts"].get("/w")) for call in job.calls()] == [
        {"source": str(folder), "ro": False}, {"source": str(folder), "ro": True},
    ]  # fmt: skip


def test_scratch_in_memory_is_gone_with_the_pod(tmp_path: Path) -> None:
    asked = mount("true", volumes=[plan.Volume("v", plan.EMPTY, memory=True)], mounts=[plan.Mount("v", "/dev/shm")])
    before = set(Path("/dev/shm").iterdir())
    job = Job(tmp_path, asked)
    assert by_name(job.run())["a"].exit_code == 0
    assert mounted(job)["/dev/shm"]["source"] == str(tmp_path / "pod/volumes/v")
    assert set(Path("/dev/shm").glob("pod-*")) <= before


def test_a_subdirectory_of_scratch_is_made(tmp_path: Path) -> None:
    folder = tmp_path / "pod/volumes/v/sub/dir"
    volume = [plan.Volume("v", plan.EMPTY)]
    job = Job(tmp_path, mount("test", "-d", str(folder), volumes=volume, mounts=[plan.Mount("v", "/v", "sub/dir")]))
    assert by_name(job.run())["a"].exit_code == 0
    assert mounted(job)["/v"]["source"] == str(folder)


def test_a_subdirectory_of_files_is_made_too(tmp_path: Path) -> None:
    """As a kubelet does: the container gets an empty folder that it may only read."""
    folder = tmp_path / "pod/volumes/v/absent"
    asked = mount(
        "test", "-d", str(folder), volumes=[plan.Volume("v", plan.FILES)], mounts=[plan.Mount("v", "/v", "absent")]
    )
    job = Job(tmp_path, asked, {f"{plan.VOLUMES}/v/key": b"content"})
    assert by_name(job.run())["a"].exit_code == 0
    assert mounted(job)["/v"] == {"source": str(folder), "ro": True}


def test_a_link_doesn_t_lead_out_of_a_volume(tmp_path: Path) -> None:
    volume = [plan.Volume("v", plan.EMPTY)]
    link = shell("i", f"ln -s /etc {tmp_path}/pod/volumes/v/out", kind=plan.INIT, mounts=[plan.Mount("v", "/v")])
    into = container("m", "true", mounts=[plan.Mount("v", "/v", "out")])
    ended = by_name(Job(tmp_path, pod(link, into, volumes=volume)).run())["m"]
    assert (ended.exit_code, ended.reason) == (128, "CreateContainerConfigError")
    assert ended.message == 'subPath "out" of volume "v" leads out of the volume'


@pytest.mark.parametrize(
    ("path", "kind", "error"),
    [
        ("/usr", "", ""), ("/usr", "Directory", ""), ("/etc/passwd", "File", ""), ("/etc/passwd", "", ""),
        ("/no/such", "", "there is no file or directory /no/such on this machine"),
        ("/etc/passwd", "Directory", "there is no directory /etc/passwd on this machine"),
        ("/usr", "File", "there is no file /usr on this machine"),
    ],
)  # fmt: skip
def test_a_path_of_the_machine_must_be_there(tmp_path: Path, path: str, kind: str, error: str) -> None:
    volume = [plan.Volume("h", plan.HOST, path, kind)]
    ended = by_name(Job(tmp_path, mount("true", volumes=volume, mounts=[plan.Mount("h", "/h")])).run())["a"]
    assert ended.message == (f'MountVolume.SetUp failed for volume "h": {error}' if error else "")
    assert ended.exit_code == (128 if error else 0)


@pytest.mark.parametrize(
    ("kind", "expected"), [("DirectoryOrCreate", "directory"), ("FileOrCreate", "regular empty file")]
)
def test_a_path_of_the_machine_is_made_where_the_pod_asks_for_that(tmp_path: Path, kind: str, expected: str) -> None:
    path = tmp_path / "site" / ("a/b" if kind.startswith("D") else "c")
    (tmp_path / "site").mkdir()
    volume = [plan.Volume("h", plan.HOST, str(path), kind)]
    for number in range(2):  # the second time it is there
        look = container("a", "/usr/bin/stat", "-c", "%F", str(path), mounts=[plan.Mount("h", "/h")])
        assert text(Job(tmp_path / str(number), pod(look, volumes=volume)).run(), "a") == f"{expected}\n"


@pytest.mark.parametrize("kind", ["", "Directory", "DirectoryOrCreate", "FileOrCreate"])
@pytest.mark.parametrize("below", ["", "/made"])
def test_a_link_does_not_lead_out_of_what_the_site_offers(tmp_path: Path, kind: str, below: str) -> None:
    offered, secret = tmp_path / "offered", tmp_path / "secret"
    offered.mkdir()
    secret.mkdir()
    (offered / "way-out").symlink_to(secret)
    path = f"{offered}/way-out{below}"
    volume = [plan.Volume("h", plan.HOST, path, kind, root=str(offered))]
    job = Job(tmp_path / "job", mount("true", volumes=volume, mounts=[plan.Mount("h", "/h")]))
    ended = by_name(job.run())["a"]
    assert ended.message == (
        f'MountVolume.SetUp failed for volume "h": {path} leads out of {offered} by a link, which this site doesn\'t allow'
    )
    assert not list(secret.iterdir())


def test_links_inside_of_what_the_site_offers_are_followed_once_and_for_all(tmp_path: Path) -> None:
    (tmp_path / "disk/2026").mkdir(parents=True)
    (tmp_path / "disk/latest").symlink_to("2026")
    (tmp_path / "offered").symlink_to("disk")
    volume = [plan.Volume("h", plan.HOST, f"{tmp_path}/offered/latest", root=f"{tmp_path}/offered")]
    job = Job(tmp_path / "job", mount("true", volumes=volume, mounts=[plan.Mount("h", "/h")]))
    assert by_name(job.run())["a"].exit_code == 0
    assert mounted(job)["/h"]["source"] == f"{tmp_path}/disk/2026"


def test_a_path_that_can_t_be_made_is_told(tmp_path: Path) -> None:
    volume = [plan.Volume("h", plan.HOST, "/etc/passwd/x", "DirectoryOrCreate")]
    ended = by_name(Job(tmp_path, mount("true", volumes=volume, mounts=[plan.Mount("h", "/h")])).run())["a"]
    assert ended.message == (
        'MountVolume.SetUp failed for volume "h": /etc/passwd/x can\'t be made on this machine: Not a directory'
    )


def test_a_subdirectory_of_the_site_s_is_made_where_it_is_writable(tmp_path: Path) -> None:
    volume = [plan.Volume("h", plan.HOST, str(tmp_path / "site"), "DirectoryOrCreate")]
    for read_only, code in ((True, 128), (False, 0)):
        wanted = [plan.Mount("h", "/h", "sub", read_only)]
        job = Job(tmp_path / str(read_only), mount("true", volumes=volume, mounts=wanted))
        assert by_name(job.run())["a"].exit_code == code
    assert (tmp_path / "site/sub").is_dir()


def test_gpus_of_each_vendor_are_shown_to_the_containers_that_ask_for_them(tmp_path: Path) -> None:
    """By the runtime's own options, which bring the vendor's devices and libraries."""
    job = Job(
        tmp_path,
        pod(container("a", "true", gpu="nvidia"), container("b", "true", gpu="amd"), container("c", "true")),
    )
    assert [each.exit_code for each in job.run().containers] == [0, 0, 0]
    shown = {
        Path(call["mounts"]["/.highrate"]["source"]).parent.name: [
            word for word in call["argv"] if word in ("--nv", "--rocm")
        ]
        for call in job.calls()
    }
    assert shown == {"a": ["--nv"], "b": ["--rocm"], "c": []}


def test_outer_mounts_come_before_those_inside_them(tmp_path: Path) -> None:
    volumes = [plan.Volume(name, plan.EMPTY) for name in "abc"]
    wanted = [plan.Mount("a", "/x/y/z"), plan.Mount("b", "/x"), plan.Mount("c", "/x/y")]
    job = Job(tmp_path, mount("true", volumes=volumes, mounts=wanted))
    job.run()
    assert [path for path in mounted(job) if path.startswith("/x")] == ["/x", "/x/y", "/x/y/z"]


def test_a_link_in_a_volume_leads_no_working_directory_out_of_it(tmp_path: Path) -> None:
    volume, outside = tmp_path / "volume", tmp_path / "outside"
    volume.mkdir()
    outside.mkdir()
    (volume / "link").symlink_to(outside)
    assert mounts.work_dir_in_volume("/v/link/made", [mounts.Bind(str(volume), "/v", False)])
    assert list(outside.iterdir()) == []


def test_a_working_directory_inside_a_volume_is_made_there(tmp_path: Path) -> None:
    volumes = [plan.Volume("v", plan.EMPTY)]
    asked = mount(
        "test",
        "-d",
        f"{tmp_path}/pod/volumes/v/a/b",
        volumes=volumes,
        mounts=[plan.Mount("v", "/w")],
        work_dir="/w/a/b",
    )
    job = Job(tmp_path, asked)
    assert by_name(job.run())["a"].exit_code == 0
    argv = job.calls()[0]["argv"]
    assert argv[argv.index("--pwd") + 1] == "/w/a/b"


@pytest.mark.parametrize("text", ["/a,b", '/"q"', "/a:b", "/a b", "/é", "/n\nl", "/,ro", "/x,ro"])
def test_any_path_is_one_field_of_a_mount_option(text: str) -> None:
    from tests.fakes.apptainer import mounts as read

    option = apptainer.mount_option(mounts.Bind(text, text, False))
    assert read(["--mount", option]) == {text: {"source": text, "ro": False}}


def test_a_tree_without_permissions_is_removed_all_the_same(tmp_path: Path) -> None:
    inner = tmp_path / "a/b/c"
    inner.mkdir(parents=True)
    (inner / "f").touch()
    inner.chmod(0)
    (tmp_path / "a/b").chmod(0o500)
    remove_tree(str(tmp_path / "a"))
    assert not (tmp_path / "a").exists()


def test_outer_mounts_come_before_inner_ones_whosever_they_are(tmp_path: Path) -> None:
    volumes = [plan.Volume("etc", plan.EMPTY), plan.Volume("out", plan.EMPTY)]
    main = shell(
        "a",
        "true",
        mounts=[plan.Mount("out", "/srv/out"), plan.Mount("etc", "/etc")],
        message_path="/srv/out/deep/message",
    )
    job = Job(tmp_path, pod(main, volumes=volumes))
    job.run()
    paths = list(job.calls()[0]["mounts"])
    assert paths.index("/etc") < paths.index("/etc/hosts")
    assert paths.index("/srv/out") < paths.index("/srv/out/deep/message")


def test_a_volume_in_the_place_of_a_file_that_every_container_has_counts(tmp_path: Path) -> None:
    volumes = [plan.Volume("own", plan.EMPTY)]
    job = Job(tmp_path, pod(shell("a", "true", mounts=[plan.Mount("own", "/etc/hosts", "x")]), volumes=volumes))
    job.run()
    assert job.calls()[0]["mounts"]["/etc/hosts"]["source"].endswith("volumes/own/x")
