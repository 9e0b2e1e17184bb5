"""Users, names and resolvers of containers, in real Apptainer as an unprivileged account."""

from collections.abc import Iterator

import pytest

from tests.condor.apptainer_jobs import Worker, changed, container, ends, planned, pod, shell, text, working

SHARED = {"volumeMounts": [{"name": "v", "mountPath": "/shared"}]}
VOLUMES = [{"name": "v", "emptyDir": {}}]


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    with working(tmp_path_factory.mktemp("worker")) as machine:
        yield machine


def test_a_container_is_the_user_that_the_pod_names_and_has_no_rights(worker: Worker) -> None:
    script = """
    id -u; id -g; echo x > /shared/$(id -u); stat -c '%u %g' /shared/$(id -u) /etc/new 2> /dev/null
    touch /etc/new && stat -c %u /etc/new; grep -E '^(CapEff|NoNewPrivs):' /proc/self/status; echo $$$$
    """
    containers = [
        shell(name, script, securityContext={"runAsUser": user, "runAsGroup": 2000}, **SHARED)
        for name, user in (("one", 1001), ("nobody", 65534), ("root", 0))
    ]
    look = shell("look", "ls /shared", **SHARED)
    result = worker.run(planned(pod(look, initContainers=containers, volumes=VOLUMES)))
    for name, user in (("one", 1001), ("nobody", 65534), ("root", 0)):
        assert text(result, name).split() == [
            str(user), "2000", str(user), "2000", str(user), "CapEff:", "0" * 16, "NoNewPrivs:", "1", "1",
        ], name  # fmt: skip
    assert text(result, "look").split() == ["0", "1001", "65534"]


def test_a_hook_s_command_runs_as_its_container_s_user(worker: Worker) -> None:
    hook = {
        "postStart": {"exec": {"command": ["/bin/sh", "-c", "id -u > /shared/hook; cat /shared/own >> /shared/hook"]}}
    }
    script = "until grep -q mine /shared/hook 2> /dev/null; do sleep 0.1; done; cat /shared/hook"
    user = {"securityContext": {"runAsUser": 1001}}
    early = shell("early", "umask 077; echo mine > /shared/own", **user, **SHARED)
    result = worker.run(
        planned(pod(shell("a", script, lifecycle=hook, **user, **SHARED), initContainers=[early], volumes=VOLUMES))
    )
    assert text(result, "a") == "1001\nmine\n"


def test_an_image_of_root_s_isn_t_run_where_the_pod_forbids_that(worker: Worker) -> None:
    plan = planned(pod(container("a", "/bin/id"), securityContext={"runAsNonRoot": True}))
    ended = ends(worker.run(changed(plan, patience_seconds=1)))["a"]
    assert ended.reason == "CreateContainerConfigError"
    assert ended.message.startswith("container has runAsNonRoot and image will run as root")


def test_a_pod_s_own_resolver_and_full_name_are_what_it_sees(worker: Worker) -> None:
    result = worker.run(planned(pod(
        shell("a", "cat /etc/resolv.conf; cat /proc/sys/kernel/hostname; grep hello /etc/hosts"),
        subdomain="lab", setHostnameAsFQDN=True, dnsPolicy="None",
        dnsConfig={"nameservers": ["192.0.2.1"], "options": [{"name": "ndots", "value": "2"}]},
    )))  # fmt: skip
    lines = text(result, "a").splitlines()
    assert lines[:3] == ["nameserver 192.0.2.1", "options ndots:2", "hello.lab.default.svc.cluster.local"]
    assert lines[3].split("\t")[1:] == ["hello.lab.default.svc.cluster.local"]
