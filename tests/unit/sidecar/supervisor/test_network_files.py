"""How a container finds names: the machine's files, and what the pod adds or puts in their place."""

from pathlib import Path
from typing import Any

import pytest
from condor_sidecar.job.supervisor import plan
from condor_sidecar.job.supervisor.network_files import hosts_file, resolv_conf

from tests.unit.sidecar.supervisor.jobs import Job, container, pod, shell, text

MACHINE = "127.0.0.1\tlocalhost\n"


@pytest.mark.parametrize(
    ("fields", "lines"),
    [
        ({}, ["# Kubernetes-managed hosts file.", "127.0.0.1\tlocalhost", "192.0.2.7\tpod"]),
        (
            {"full_name": "pod.sub.ns.svc.cluster.local"},
            [
                "# Kubernetes-managed hosts file.",
                "127.0.0.1\tlocalhost",
                "192.0.2.7\tpod.sub.ns.svc.cluster.local\tpod",
            ],
        ),
        (
            {"full_name": "pod.sub", "hostname": "pod.sub"},
            ["# Kubernetes-managed hosts file.", "127.0.0.1\tlocalhost", "192.0.2.7\tpod.sub"],
        ),
        ({"host_network": True}, ["# Kubernetes-managed hosts file (host network).", "127.0.0.1\tlocalhost"]),
    ],
)
def test_the_pod_s_names_are_in_its_hosts_file(fields: Any, lines: list[str]) -> None:
    aliases = [plan.HostAlias("10.0.0.1", ["db", "db.local"])]
    assert hosts_file(pod(host_aliases=aliases, **fields), MACHINE, "192.0.2.7").splitlines() == [
        *lines, "10.0.0.1\tdb\tdb.local",
    ]  # fmt: skip


THERE = (
    "# made by hand\nnameserver 192.0.2.1\nnameserver 192.0.2.2\ndomain old\nsearch site.org\noptions ndots:1 rotate\n"
)


@pytest.mark.parametrize(
    ("dns", "expected"),
    [
        (plan.Dns(["1.1.1.1"], ["a.org"], ["ndots:5"], True), "nameserver 1.1.1.1\nsearch a.org\noptions ndots:5\n"),
        (plan.Dns(["1.1.1.1"], [], [], True), "nameserver 1.1.1.1\n"),
        (
            plan.Dns(["192.0.2.2", "1.1.1.1", "9.9.9.9"], ["a.org", "site.org"], ["ndots:5", "edns0"]),
            "nameserver 192.0.2.1\nnameserver 192.0.2.2\nnameserver 1.1.1.1\nsearch site.org a.org\n"
            "options ndots:5 rotate edns0\n",
        ),
    ],
)
def test_the_pod_s_resolver_stands_alone_or_behind_the_machine_s(dns: plan.Dns, expected: str) -> None:
    assert resolv_conf(dns, THERE) == expected


def test_a_container_sees_the_pod_s_resolver(tmp_path: Path) -> None:
    path = tmp_path / "pod/containers/a/resolv.conf"
    dns = plan.Dns(["1.1.1.1"], [], ["ndots:2"], True)
    job = Job(tmp_path, pod(shell("a", f"cat {path}"), dns=dns))
    assert text(job.run(), "a") == "nameserver 1.1.1.1\noptions ndots:2\n"
    assert job.calls()[0]["mounts"]["/etc/resolv.conf"] == {"source": str(path), "ro": False}


def test_a_pod_without_a_word_in_it_has_the_machine_s_and_a_volume_s_file_wins(tmp_path: Path) -> None:
    plain = Job(tmp_path / "a", pod(container("a", "true")))
    plain.run()
    assert "/etc/resolv.conf" not in plain.calls()[0]["mounts"]
    mounted = container("a", "true", mounts=[plan.Mount("v", "/etc/resolv.conf", "key")])
    own = Job(
        tmp_path / "b",
        pod(mounted, dns=plan.Dns([], [], ["x"]), volumes=[plan.Volume("v", plan.FILES)]),
        {"volumes/v/key": b"mine"},
    )
    own.run()
    assert own.calls()[0]["mounts"]["/etc/resolv.conf"]["source"].endswith("/key")
