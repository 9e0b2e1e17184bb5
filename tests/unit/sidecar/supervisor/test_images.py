"""Images are found where they are unpacked, or pulled; what they say about themselves is read as data."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from condor_sidecar.job.supervisor import images, plan
from condor_sidecar.job.supervisor.command import NoCommand, home, process
from condor_sidecar.job.supervisor.image_config import (
    ImageConfig,
    UnreadableConfig,
    from_exports,
    from_oci,
    from_runscript,
    read,
)
from condor_sidecar.job.supervisor.rootfs import PathLoop, directories, ensure_directory, find, prepare_upper, resolve
from condor_sidecar.model.result import ContainerState
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.sidecar.supervisor.jobs import Job, by_name, container, pod, text

WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
HOSTILE = ["/bin/sh", "-c", 'echo "it\'s $0 $*"; x', "a'b", 'c"d $HOME `x`\\n', "", "new\nline", "é"]


def converted(words: list[str]) -> str:
    """A list of words as the converters of OCI images write it into a runscript: double-quoted words in single quotes."""
    quoted = ['"' + re.sub(r'([\\"`$])', r"\\\1", word) + '"' for word in words]
    return "'" + " ".join(quoted).replace("'", "'\"'\"'") + "'"


def runscript(entrypoint: list[str], command: list[str]) -> str:
    return f'#!/bin/sh\nOCI_ENTRYPOINT={converted(entrypoint)}\nOCI_CMD={converted(command)}\n\n# When ...\nexec "$@"\n'


@given(st.lists(WORDS, max_size=4), st.lists(WORDS, max_size=4))
def test_entrypoint_and_command_come_out_of_a_runscript_as_they_went_in(
    entrypoint: list[str], command: list[str]
) -> None:
    assert from_runscript(runscript(entrypoint, command)) == (entrypoint, command)


def test_a_shell_reads_such_a_runscript_alike() -> None:
    script = f'OCI_CMD={converted(HOSTILE)}; eval "set -- $OCI_CMD"; printf \'%s\\0\' "$@"'
    words = subprocess.run(["sh", "-c", script], capture_output=True, check=True).stdout.decode().split("\0")[:-1]
    assert from_runscript(runscript([], HOSTILE)) == ([], words)


def test_any_other_runscript_is_a_program() -> None:
    assert from_runscript('#!/bin/sh\nexec python3 "$@"\n') == (["/.singularity.d/runscript"], [])


def test_the_environment_comes_out_of_the_conversion_s_exports() -> None:
    lines = [
        "#!/bin/sh",
        'export PATH="/bin:/opt/x"',
        'export GREET="${GREET:-"he said \\\\\\"hi\\\\\\" \\\\$USER \\\\`q\\\\` it\'s \\\\\\\\n"}"',
        'export EMPTY="${EMPTY:-""}"',
        'export TABBED="${TABBED:-"a\\tb\\u00e9"}"',
        "rm -rf /",
    ]
    assert from_exports("\n".join(lines)) == [
        ("PATH", "/bin:/opt/x"), ("GREET", "he said \"hi\" $USER `q` it's \\n"), ("EMPTY", ""), ("TABBED", "a\tbé"),
    ]  # fmt: skip


OCI = {"Entrypoint": ["/e"], "Cmd": ["c", ""], "Env": ["A=b=c", "E="], "User": "7:8", "WorkingDir": "/w"}


@pytest.mark.parametrize("document", [OCI, {"architecture": "amd64", "config": OCI}])
def test_an_oci_configuration_is_read(document: object) -> None:
    assert from_oci(json.dumps(document)) == ImageConfig(
        ["/e"], ["c", ""], [("A", "b=c"), ("E", "")], "7:8", "/w", True
    )


@pytest.mark.parametrize("document", ['{"Entrypoint": "x"}', "[]", "{", '{"Env": [1]}', "7"])
def test_a_configuration_that_is_none_is_told(document: str) -> None:
    with pytest.raises(UnreadableConfig):
        from_oci(document)


def test_an_image_s_own_configuration_wins_over_the_converter_s(tmp_path: Path) -> None:
    (tmp_path / ".singularity.d").mkdir()
    (tmp_path / ".singularity.d/runscript").write_text(runscript(["/s"], []))
    assert read(str(tmp_path)).entrypoint == ["/s"]
    (tmp_path / ".highrate").mkdir()
    (tmp_path / ".highrate/config.json").write_text(json.dumps(OCI))
    assert read(str(tmp_path)).entrypoint == ["/e"]
    assert read(str(tmp_path / "none")) == ImageConfig()


IMAGE = ImageConfig(["entry"], ["cmd"], [("A", "image"), ("B", "image")], "", "/image")


@pytest.mark.parametrize(
    ("command", "args", "argv"),
    [
        ([], [], ["entry", "cmd"]),
        ([], ["x"], ["entry", "x"]),
        (["c"], [], ["c"]),
        (["c"], ["x"], ["c", "x"]),
    ],
)
def test_command_and_args_replace_the_image_s_by_kubernetes_rules(
    command: list[str], args: list[str], argv: list[str]
) -> None:
    made = process(container("m", *command, args=args), IMAGE, "pod", "", {})
    assert made.argv == argv


def test_nothing_to_run_is_an_error() -> None:
    with pytest.raises(NoCommand):
        process(container("m"), ImageConfig(), "pod", "", {})


def test_the_pod_s_environment_wins_over_the_image_s_and_that_over_the_defaults() -> None:
    made = process(
        container("m", env=[("B", "pod"), ("C", "pod")], gpu="nvidia"), IMAGE, "pod", "", {"CUDA_VISIBLE_DEVICES": "0"}
    )
    assert dict(made.env) == {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOSTNAME": "pod", "CUDA_VISIBLE_DEVICES": "0",
        "A": "image", "B": "pod", "C": "pod", "HOME": "/", "LD_LIBRARY_PATH": "/.singularity.d/libs",
    }  # fmt: skip
    assert made.paths[0] == "/usr/local/sbin/entry"
    assert made.work_dir == "/image"
    assert process(container("m", work_dir="/pod"), IMAGE, "pod", "", {}).work_dir == "/pod"


@pytest.mark.parametrize(
    ("user", "expected"),
    [("", "/root"), ("0", "/root"), ("ana", "/home/ana"), ("77", "/home/ana"), ("ana:staff", "/home/ana"), ("9", "/")],
)
def test_home_is_what_the_image_s_passwd_says(user: str, expected: str) -> None:
    assert home("root:x:0:0::/root:/bin/sh\nana:x:77:77::/home/ana:/bin/sh\nbroken\n", user) == expected


def test_the_first_candidate_that_is_there_is_taken(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir(parents=True)
    (tmp_path / "c").mkdir()
    main = container("m", "true", image=plan.Image("x", ["a", "b", "c"]))
    assert by_name(Job(tmp_path, pod(main)).run())["m"].image_id == str(tmp_path / "b")


def test_an_image_that_is_nowhere_ends_the_pod_in_a_kubelet_s_words(tmp_path: Path) -> None:
    main = container("m", "true", image=plan.Image("x:1", ["a", "b"]))
    result = Job(tmp_path, pod(main, restart_policy=plan.ALWAYS)).run()
    ended = by_name(result)["m"]
    assert (ended.exit_code, ended.reason, result.reason) == (128, "ErrImagePull", "ErrImagePull")
    assert ended.message.startswith('image "x:1" is not unpacked on this machine (looked at: ')


def test_an_image_is_tried_again_for_a_while(tmp_path: Path) -> None:
    main = container("m", "true", image=plan.Image("x:1", ["late"]))
    job = Job(tmp_path, pod(main, patience_seconds=6)).start()
    waiting = job.wait_until(lambda result: by_name(result)["m"].reason == "ErrImagePull")
    assert by_name(waiting)["m"].state is ContainerState.WAITING
    assert ("Failed", "Error: ErrImagePull") in [(each.reason, each.message) for each in waiting.events]
    (tmp_path / "late").mkdir()
    assert by_name(job.end())["m"].exit_code == 0


def test_an_image_that_must_not_be_pulled_is_waited_for_in_vain(tmp_path: Path) -> None:
    main = container("m", "true", image=plan.Image("x:1", ["a"], never_pull=True))
    ended = by_name(Job(tmp_path, pod(main)).run())["m"]
    assert (ended.reason, ended.message) == (
        "ErrImageNeverPull",
        'Container image "x:1" is not present with pull policy of Never',
    )


def test_an_image_is_pulled_once_for_all_containers_and_keeps_its_configuration(tmp_path: Path) -> None:
    image = plan.Image("far/away:1", [], "docker://far/away:1")
    job = Job(
        tmp_path, pod(container("a", image=image), container("b", "/bin/sh", "-c", "echo $FROM_IMAGE", image=image))
    )
    result = job.run()
    assert (text(result, "a"), text(result, "b")) == ("pulled\n", "yes\n")
    assert by_name(result)["a"].image_id == "docker://far/away:1"
    assert len([call for call in job.calls() if "pull" in call["argv"]]) == 1


def test_a_pull_alone_is_told_of_the_credentials_and_they_are_wiped(tmp_path: Path) -> None:
    image = plan.Image("far/away:1", [], "docker://far/away:1", auths=["registry/0.json"])
    file = tmp_path / "pod/images/registry/0.json"
    job = Job(tmp_path, pod(container("a", image=image)), {"registry/0.json": b'{"auths": {}}'})
    assert by_name(job.run())["a"].exit_code == 0
    told = {" ".join(call["argv"][:1]): str(file) in call["argv"] for call in job.calls()}
    assert told == {"pull": True, "sif": False, "build": False, "exec": False}
    pull = next(call["argv"] for call in job.calls() if call["argv"][0] == "pull")
    assert pull[pull.index("--authfile") + 1] == str(file)
    assert not file.exists() and not file.parent.exists()


def test_each_login_is_tried_until_one_serves(tmp_path: Path) -> None:
    tried: list[str] = []

    def run(argv: list[str]) -> tuple[int, bytes]:
        if "pull" not in argv:
            return 0, b""
        auth = Path(argv[argv.index("--authfile") + 1]).name
        tried.append(auth)
        Path(argv[-2]).touch()
        return (0, b"") if auth == good else (255, b"FATAL: denied to " + auth.encode())

    good = "1.json"
    image = plan.Image("x", [], "docker://x", auths=["registry/0.json", "registry/1.json", "registry/2.json"])
    found = images.Images("apptainer", str(tmp_path), run)
    assert found.get(image, lambda *_: None).image_id == "docker://x"
    assert tried == ["0.json", "1.json"]
    good = "none"
    with pytest.raises(images.NoImage, match=r"to 0\.json; .* to 1\.json; .* to 2\.json"):
        images.Images("apptainer", str(tmp_path), run).get(image, lambda *_: None)


def test_credentials_are_only_the_job_s_to_read(tmp_path: Path) -> None:
    look = f"stat -c '%a %n' {tmp_path}/pod/images/registry/0.json {tmp_path}/pod/images/registry | cut -c1-3"
    job = Job(tmp_path, pod(container("a", "/bin/sh", "-c", look)), {"registry/0.json": b"{}"})
    assert text(job.run(), "a").split() == ["600", "700"]


def test_a_pull_that_fails_is_told_with_its_reason_and_can_be_tried_again(tmp_path: Path) -> None:
    tried, told = [], list[tuple[str, str, str]]()

    def run(argv: list[str]) -> tuple[int, bytes]:
        tried.append(argv)
        return 255, b"FATAL: no such host\n"

    found = images.Images("apptainer", str(tmp_path), run)
    for _ in range(2):
        with pytest.raises(images.NoImage, match="can't be pulled: FATAL: no such host"):
            found.get(plan.Image("x", [], "docker://x"), lambda *event: told.append(event))
    assert len(tried) == 2
    assert told == [("Normal", "Pulling", 'Pulling image "x"')] * 2


def test_what_happens_to_an_image_is_told_as_a_kubelet_tells_it(tmp_path: Path) -> None:
    image = plan.Image("far/away:1", [], "docker://far/away:1")
    result = Job(tmp_path, pod(container("a", image=image))).run()
    told = [(each.reason, each.message.partition(" in ")[0], each.container) for each in result.events]
    assert told == [
        ("Pulling", 'Pulling image "far/away:1"', "a"),
        ("Pulled", 'Successfully pulled image "far/away:1"', "a"),
        ("Created", "Created container: a", "a"),
        ("Started", "Started container a", "a"),
    ]
    assert [each.number for each in result.events] == [1, 2, 3, 4]


def tree(root: Path) -> None:
    (root / "usr/bin").mkdir(parents=True)
    (root / "run").mkdir()
    (root / "var").mkdir()
    (root / "etc").mkdir()
    (root / "var/run").symlink_to("../run")
    (root / "var/abs").symlink_to("/usr")
    (root / "var/up").symlink_to("../../../../usr")
    (root / "loop").symlink_to("loop")
    (root / "etc/passwd").symlink_to("/usr/passwd")
    (root / "usr/passwd").write_text("x")


@pytest.mark.parametrize(
    ("path", "resolved"),
    [
        ("/var/run/x/y", "/run/x/y"), ("/var/abs/bin", "/usr/bin"), ("/var/up/bin", "/usr/bin"), ("/../../etc", "/etc"),
        ("/a/./b//c/..", "/a/b"), ("/", "/"), ("/var/run/../usr", "/usr"),
    ],
)  # fmt: skip
def test_paths_in_an_image_never_lead_out_of_it(tmp_path: Path, path: str, resolved: str) -> None:
    tree(tmp_path)
    assert resolve([str(tmp_path)], path) == resolved


def test_a_loop_of_links_is_told(tmp_path: Path) -> None:
    tree(tmp_path)
    with pytest.raises(PathLoop):
        resolve([str(tmp_path)], "/loop/x")
    assert find([str(tmp_path)], "/etc/passwd") == str(tmp_path / "usr/passwd")


def test_the_upper_tree_has_every_directory_writable_and_nothing_else(tmp_path: Path) -> None:
    image, upper = tmp_path / "image", tmp_path / "upper"
    tree(image)
    (image / "usr/bin").chmod(0o555)
    (image / "run").chmod(0o1777)
    assert prepare_upper(str(image), str(upper)) == []
    assert sorted(path for path, _, _ in directories(str(upper))) == ["etc", "run", "usr", "usr/bin", "var"]
    assert [path for path in upper.rglob("*") if not path.is_dir()] == []
    assert ((upper / "usr/bin").stat().st_mode & 0o7777, (upper / "run").stat().st_mode & 0o7777) == (0o755, 0o1777)


def test_a_missing_working_directory_is_made_behind_the_image_s_links(tmp_path: Path) -> None:
    image, upper = tmp_path / "image", tmp_path / "upper"
    tree(image)
    prepare_upper(str(image), str(upper))
    layers = [str(upper), str(image)]
    ensure_directory(layers, resolve(layers, "/var/run/a/b"))
    assert (upper / "run/a/b").is_dir()
    assert not (upper / "var/run").exists()
