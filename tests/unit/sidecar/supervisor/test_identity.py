"""As whom a container runs: the pod's word, then the image's, then the job's own account."""

import os
from pathlib import Path
from typing import Any

import pytest
from condor_sidecar.job.supervisor import prepare
from condor_sidecar.job.supervisor.identity import NoUser, identity
from condor_sidecar.job.supervisor.image_config import ImageConfig
from condor_sidecar.job.supervisor.images import Images
from condor_sidecar.job.supervisor.sandbox import Sandbox

from tests.unit.sidecar.supervisor.jobs import Job, by_name, container, pod

PASSWD = "root:x:0:0::/root:/bin/sh\nana:x:77:78::/home/ana:/bin/sh\nbroken\nodd:x:y:z::/:/\n"
GROUP = "root:x:0:\nstaff:x:50:ana\n"


def who(of_image: str = "", known: bool = True, **fields: Any) -> tuple[int, int] | None:
    """User and group; None: the job's own."""
    main = container("m", "true", **fields)
    found = identity(pod(main), main, ImageConfig(user=of_image, user_known=known), PASSWD, GROUP)
    assert found is None or (found.own_user, found.own_group) == (os.getuid(), os.getgid())
    return None if found is None else (found.user, found.group)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, None),
        ({"user": 1001}, (1001, 0)),
        ({"user": 77}, (77, 78)),
        ({"user": 77, "group": 5}, (77, 5)),
        ({"user": 0}, (0, 0)),
        ({"group": 5}, (os.getuid(), 5)),
        ({"image_user": True}, None),
    ],
)
def test_a_user_without_a_group_gets_that_of_the_image_s_file(fields: Any, expected: tuple[int, int] | None) -> None:
    assert who(**fields) == expected


@pytest.mark.parametrize(
    ("image_user", "expected"),
    [
        ("ana", (77, 78)), ("ana:staff", (77, 50)), ("ana:9", (77, 9)), ("77", (77, 78)), ("9", (9, 0)), ("9:9", (9, 9)),
        ("root", None), ("0", None), ("0:0", None), ("", None),
    ],
)  # fmt: skip
def test_an_image_s_user_counts_where_the_pod_names_none(image_user: str, expected: tuple[int, int] | None) -> None:
    assert who(image_user, image_user=True) == expected
    assert who(image_user, image_user=True, user=5) == (5, 0)
    assert who(image_user, image_user=False) is None


@pytest.mark.parametrize(
    ("image_user", "words"),
    [
        ("nobody", "unable to find user nobody: no matching entries in passwd file"),
        ("ana:none", "unable to find group none: no matching entries in group file"),
    ],
)
def test_a_user_that_the_image_doesn_t_have_is_told(image_user: str, words: str) -> None:
    with pytest.raises(NoUser, match=words):
        who(image_user, image_user=True)


def test_an_image_that_would_be_root_is_refused_where_the_pod_forbids_that() -> None:
    with pytest.raises(
        NoUser, match=r'runAsNonRoot and image will run as root \(pod: "pod_default\(uid\)", container: m'
    ):
        who(image_user=True, non_root=True)
    with pytest.raises(NoUser, match="runAsUser breaks non-root policy"):
        who(user=0, non_root=True)
    assert who("77", image_user=True, non_root=True) == (77, 78)
    assert who(known=False, image_user=True, non_root=True) is None, "nobody knows: it runs as the job's account"


@pytest.mark.parametrize("name", ["ana", "ana:staff", "root", "nobody"])
@pytest.mark.parametrize("honoured", [True, False])
def test_a_name_is_no_proof_that_an_image_is_not_root_s(name: str, honoured: bool) -> None:
    words = rf"image has non-numeric user \({name.partition(':')[0]}\), cannot verify user is non-root \(pod: "
    with pytest.raises(NoUser, match=words):
        who(name, image_user=honoured, non_root=True)
    assert who(name, image_user=honoured, non_root=True, user=9) == (9, 0)


def test_a_container_that_may_not_be_root_ends_in_a_kubelet_s_words(tmp_path: Path) -> None:
    job = Job(tmp_path, pod(container("m", "true", non_root=True)))
    (tmp_path / "image/.highrate").mkdir()
    (tmp_path / "image/.highrate/config.json").write_text('{"Cmd": ["x"]}')
    ended = by_name(job.run())["m"]
    assert (ended.exit_code, ended.reason) == (128, "CreateContainerConfigError")
    assert ended.message.startswith("container has runAsNonRoot and image will run as root (pod: ")


def test_a_label_has_no_effect_without_selinux_and_keeps_a_container_from_being_made_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    labelled = container("a", "true")._replace(labelled=True)
    assert by_name(Job(tmp_path, pod(labelled)).run())["a"].exit_code == 0
    monkeypatch.setattr(prepare, "SELINUX", str(tmp_path))
    machine = prepare.Machine("apptainer", "x86_64", "", "", {})
    with pytest.raises(prepare.CannotStart, match="SELinux") as refused:
        prepare.prepare(
            pod(labelled), labelled, Sandbox(str(tmp_path)), Images("", "", lambda _: (0, b"")), machine, print
        )
    assert refused.value.reason == "CreateContainerError"
