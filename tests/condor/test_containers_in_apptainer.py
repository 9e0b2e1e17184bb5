"""Containers of a pod are what containers are, in real Apptainer as an unprivileged account."""

from collections.abc import Iterator
from typing import Any

import pytest
from condor_sidecar.model.result import JobPhase

from tests.condor.apptainer_jobs import (
    IMAGES,
    SCRATCH,
    Worker,
    changed,
    container,
    ends,
    planned,
    pod,
    shell,
    text,
    working,
)

HOSTILE = [
    "", " ", "a b", "'", '"', "\"'\"'", "\n", "a\nb\r\n\tc", "$(id)", "`id`", "$HOME", "${X}", "\\", "\\n", "\\u000A", "-x", "--",
    "é漢🙂", "\x01\x1f\x7f", "a;b|c&d>e<f", "*?[]{}~!#%", "%s%n", "x" * 100_000,
]  # fmt: skip


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    with working(tmp_path_factory.mktemp("worker")) as machine:
        yield machine


def test_arguments_and_environment_arrive_byte_for_byte(worker: Worker) -> None:
    env = [{"name": f"odd-{i} .é", "value": value} for i, value in enumerate(HOSTILE)]
    env += [
        {"name": "PATH", "value": "/nowhere"},
        {"name": "LD_LIBRARY_PATH", "value": "/x"},
        {"name": "HOME", "value": "/h"},
    ]
    literal = [value.replace("$", "$$") for value in HOSTILE]
    result = worker.run(planned(pod(
        container("args", "/bin/printf", "%s\\0", args=literal),
        container("env", "/bin/cat", "/proc/self/environ", env=env),
    )))  # fmt: skip
    assert text(result, "args") == "".join(f"{value}\0" for value in HOSTILE)
    expected = {
        "PATH": "/nowhere",
        "HOSTNAME": "hello",
        "IMAGE": "yes",
        **{each["name"]: each["value"] for each in env},
    }
    assert text(result, "env") == "".join(f"{name}={value}\0" for name, value in expected.items())


def test_the_whole_root_can_be_written(worker: Worker) -> None:
    script = """
    set -e
    for folder in / /etc /etc/app /usr/bin /usr/locked /root /tmp /var /srv/work; do
      echo x > $folder/new; cat $folder/new > /dev/null
    done
    rm /usr/bin/head /etc/app/conf; mkdir -p /opt/a/b; head -c 1 /dev/zero 2> /dev/null || echo gone
    head -c 100000000 /dev/zero 2> /dev/null > /big || i=0; printf 'fine\\n'
    """
    result = worker.run(planned(pod(shell("a", script), shell("b", "ls /etc/app /usr/bin/head"))))
    assert text(result, "a") == "gone\nfine\n", text(result, "a", "stderr")
    assert text(result, "b") == "/usr/bin/head\n\n/etc/app:\nconf\n", "each container has its own"


def test_a_read_only_root_is_read_only(worker: Worker) -> None:
    readonly = {
        "securityContext": {"readOnlyRootFilesystem": True},
        "volumeMounts": [{"name": "v", "mountPath": "/tmp"}],
    }
    script = "for f in / /etc /usr/bin; do touch $f/x 2> /dev/null && echo $f; done; touch /tmp/x && echo volume"
    result = worker.run(planned(pod(shell("a", script, **readonly), volumes=[{"name": "v", "emptyDir": {}}])))
    assert text(result, "a") == "volume\n"


def test_the_image_says_what_runs_where_and_the_pod_overrides_it(worker: Worker) -> None:
    plain: dict[str, Any] = {"name": "plain", "image": "tools:1"}
    result = worker.run(planned(pod(
        plain,
        {"name": "args", "image": "tools:1", "args": ["a b", "$(X)"], "env": [{"name": "X", "value": "x"}]},
        shell("where", "pwd; echo $HOME; echo $IMAGE; readlink /proc/self/cwd"),
        shell("there", "pwd; stat -c %a .", workingDir="/var/run/made/here"),
        {"name": "path", "image": f"{IMAGES}/tools:1"},
    )))  # fmt: skip
    assert text(result, "plain") == text(result, "path") == "from\nthe image\n"
    assert text(result, "args") == "a b\nx\n"
    assert text(result, "where") == "/srv/work\n/root\nyes\n/srv/work\n"
    assert text(result, "there") == "/run/made/here\n755\n"


def test_a_container_is_alone_and_without_rights(worker: Worker) -> None:
    script = """
    echo $$$$; readlink /proc/1/exe; cat /proc/sys/kernel/hostname /etc/hostname; umask
    grep -c . /proc/1/cmdline; ls -d /proc/[0-9]* | grep -c .
    grep -E '^(CapEff|NoNewPrivs):' /proc/self/status; id -u; ls /home 2>&1; ls /scratch 2>&1
    """
    lines = text(worker.run(planned(pod(shell("a", script)))), "a").splitlines()
    assert lines[:2] == ["1", "/usr/bin/sh"], "the container's program is process 1, as under a kubelet"
    assert lines[2:5] == ["hello", "hello", "0022"]
    assert int(lines[6]) <= 3, "no process of the machine is seen"
    assert lines[7:9] == ["CapEff:\t0000000000000000", "NoNewPrivs:\t1"]
    assert int(lines[9]) != 0
    assert "cannot access '/scratch'" in lines[-1]


def test_volumes_are_mounted_wherever_the_pod_wants_them(worker: Worker) -> None:
    odd = '/x,ro "q" é:\n$HOME'
    mounts = [
        {"name": "settings", "mountPath": "/etc/app"}, {"name": "settings", "mountPath": "/etc/one", "subPath": "one"},
        {"name": "shared", "mountPath": "/var/run/shared"},
        {"name": "shared", "mountPath": "/var/run/shared/in/ner", "subPath": "sub"},
        {"name": "memory", "mountPath": "/dev/shm"}, {"name": "site", "mountPath": "/site"}, {"name": "shared", "mountPath": odd},
    ]  # fmt: skip
    volumes = [
        {"name": "settings", "configMap": {"name": "c", "defaultMode": 0o440}}, {"name": "shared", "emptyDir": {}},
        {"name": "memory", "emptyDir": {"medium": "Memory"}}, {"name": "site", "hostPath": {"path": "/opt/site"}},
    ]  # fmt: skip
    script = """
    cat /etc/app/one /etc/one /site/file; stat -Lc %a /etc/app/one; readlink /etc/app/one
    for path in /etc/app/x /etc/one /site/x; do touch $path 2> /dev/null && echo $path can be written; done
    echo a > /run/shared/a; echo b > /run/shared/in/ner/b; cat "$ODD/a" /run/shared/sub/b
    touch /dev/shm/x; grep -c '/dev/shm tmpfs' /proc/mounts; cat /etc/app/conf 2> /dev/null || echo hidden
    """
    first = shell("i", "echo init > /var/run/shared/init", volumeMounts=mounts[2:3])
    main = shell("a", script + "cat /run/shared/init", volumeMounts=mounts, env=[{"name": "ODD", "value": odd}])
    result = worker.run(
        planned(pod(main, initContainers=[first], volumes=volumes), {"c": {"one": "1\n", "two": "2\n"}})
    )
    assert ends(result)["a"].exit_code == 0, result
    lines = text(result, "a").splitlines()
    assert lines == ["1", "1", "site", "440", "..data/one", "a", "b", lines[7], "hidden", "init"], text(
        result, "a", "stderr"
    )
    assert int(lines[7]) >= 1


def test_the_site_s_directory_is_missing(worker: Worker) -> None:
    made = pod(
        shell("a", "true", volumeMounts=[{"name": "d", "mountPath": "/d"}]),
        volumes=[{"name": "d", "hostPath": {"path": "/data/no"}}],
    )
    ended = ends(worker.run(changed(planned(made), patience_seconds=1)))["a"]
    assert (ended.exit_code, ended.reason) == (128, "CreateContainerConfigError")
    assert ended.message.endswith(f"there is no file or directory {SCRATCH}/data/no on this machine")


@pytest.mark.parametrize("path", ["/dev/termination-log", "/var/run/message", "/dev/other"])
def test_the_termination_message_comes_back(worker: Worker, path: str) -> None:
    result = worker.run(planned(pod(shell("a", f"echo done > {path}; exit 2", terminationMessagePath=path))))
    assert (ends(result)["a"].exit_code, ends(result)["a"].message) == (2, "done\n")


@pytest.mark.parametrize("image", ["tools:1", "bare:1"])
@pytest.mark.parametrize("read_only", [False, True])
def test_a_container_can_t_change_what_it_was_started_from(worker: Worker, image: str, read_only: bool) -> None:
    """`bare:1` has no directory of the name."""
    worker.machine.run(["sh", "-c", "cd /images; [ -e bare:1 ] || { cp -a tools:1 bare:1; rm -r bare:1/.highrate; }"])
    script = """
    cd /.highrate
    for name in launch status termination-message notes new; do rm -rf $name 2> /dev/null && echo removed $name; done
    for name in launch new; do { echo x >> $name; } 2> /dev/null && echo wrote $name; done
    echo note > notes/mine; cat notes/mine; echo last > termination-message
    """
    main = shell("a", script, image=image)
    main["securityContext"] = {"readOnlyRootFilesystem": read_only}
    result = worker.run(planned(pod(main)))
    assert (ends(result)["a"].exit_code, ends(result)["a"].message) == (0, "last\n"), text(result, "a", "stderr")
    assert text(result, "a") == "removed new\nnote\n", "there was none of that name"


def test_names_are_found_in_hosts(worker: Worker) -> None:
    aliases = [{"ip": "10.0.0.1", "hostnames": ["db", "db.local"]}]
    lines = text(
        worker.run(planned(pod(shell("a", "cat /etc/hosts"), hostAliases=aliases, hostname="web"))), "a"
    ).splitlines()
    assert any(line.split()[1:] == ["web"] for line in lines)
    assert "10.0.0.1\tdb\tdb.local" in lines


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["nope"], 'exec: "nope": executable file not found in $PATH'),
        (["/etc/app"], 'exec: "/etc/app": permission denied'),
        (["/etc/app/conf"], 'exec: "/etc/app/conf": permission denied'),
    ],
)
def test_a_command_that_can_t_be_started_is_told(worker: Worker, command: list[str], message: str) -> None:
    ended = ends(worker.run(planned(pod(container("a", *command)))))["a"]
    assert (ended.exit_code, ended.reason, ended.message) == (128, "StartError", message)


def test_signals_reach_the_program_and_what_ignores_them_is_killed(worker: Worker) -> None:
    polite = "trap 'echo told; exit 7' TERM; echo up; while :; do sleep 0.1; done"
    job = worker.start(planned(pod(
        shell("polite", polite), container("deaf", "/bin/sleep", "1000"), shell("own", "kill -9 $$$$; echo immune; exit 5"),
        terminationGracePeriodSeconds=2,
    )))  # fmt: skip
    job.wait_until(lambda result: b"up" in result.logs.get("polite", b"") and ends(result)["own"].exit_code is not None)
    job.wait_until(lambda result: ends(result)["deaf"].started is not None)
    job.terminate()
    result = job.end()
    assert (result.phase, result.reason) == (JobPhase.ENDED, "Terminated")
    assert {name: (each.exit_code, each.signal) for name, each in ends(result).items()} == {
        "polite": (7, None), "deaf": (137, 9), "own": (5, None),
    }  # fmt: skip
    assert text(result, "polite") == "up\ntold\n"


def test_the_end_by_a_signal_is_told_from_an_exit_code(worker: Worker) -> None:
    inner = "sh -c 'kill -9 $$$$'; echo $?; exit 139"
    result = worker.run(planned(pod(shell("a", inner))))
    assert text(result, "a") == "137\n"
    assert (ends(result)["a"].exit_code, ends(result)["a"].signal) == (139, None)


def test_nothing_that_a_container_started_survives_it(worker: Worker) -> None:
    mark = "12345.75"
    result = worker.run(planned(pod(shell("a", f"sleep {mark} & echo left"))))
    assert text(result, "a") == "left\n"
    assert worker.machine.run(["pgrep", "-f", mark], check=False).stdout == ""
