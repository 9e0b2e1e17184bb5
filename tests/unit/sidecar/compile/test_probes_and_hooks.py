"""Probes and hooks as the supervisor runs them, and what of them is refused."""

import signal
from typing import Any

import pytest
from condor_sidecar.job.supervisor.plan import Action, Container, Probe

from tests.unit.sidecar.compile.pods import Json, compiled, container, first, pod, reasons

PORTS = [{"name": "web", "containerPort": 8080}]
TRUE = {"exec": {"command": ["true"]}}


def taken(**fields: Any) -> Container:
    return first(compiled(pod(container(ports=PORTS, **fields))))


@pytest.mark.parametrize(
    ("probe", "action"),
    [
        ({"exec": {"command": ["cat", "$(A)", "$$(A)"]}}, Action("exec", command=["cat", "x", "$(A)"])),
        ({"httpGet": {"port": 80}}, Action("http", port=80, path="/")),
        (
            {"httpGet": {"port": "web", "scheme": "HTTPS", "path": "/p?q", "host": "h",
                         "httpHeaders": [{"name": "Host", "value": "x"}]}},
            Action("http", host="h", port=8080, path="/p?q", scheme="https", headers=[("Host", "x")]),
        ),
        ({"tcpSocket": {"port": "web"}}, Action("tcp", port=8080)),
        ({"grpc": {"port": 1, "service": "s"}}, Action("grpc", port=1, service="s")),
        ({"grpc": {"port": 1, "service": None}}, Action("grpc", port=1)),
    ],
)  # fmt: skip
def test_probes_of_each_kind(probe: Json, action: Action) -> None:
    found = taken(livenessProbe=probe, env=[{"name": "A", "value": "x"}]).liveness
    assert found == Probe(action)


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("", "/"),
        ("healthz", "/healthz"),
        ("/a b/ä?q=a b&ü#part", "/a%20b/%C3%A4?q=a%20b&%C3%BC"),
        ("/a%2Fb'(1)*[2]!", "/a%2Fb'(1)*[2]!"),
        ("/a%2Fb c", "/a/b%20c"),  # one thing to encode, and Go encodes all of it anew
        ("/50%", "/50%25"),
        ("/50%?q#f", "/50%25%3Fq%23f"),
        ("/a\nb?c", "/a%0Ab%3Fc"),
        ("/x?", "/x?"),
        ("/x?100%", "/x?100%"),
        ("//host/x", "/x"),
        ("///x", "///x"),
        ("http://host/x?y", "/x?y"),
        ("a:b/c", "/a:b/c"),
        ('/"<>\\^`{|}', "/%22%3C%3E%5C%5E%60%7B%7C%7D"),
    ],
)
def test_a_path_is_asked_for_as_a_kubelet_does(path: str, asked: str) -> None:
    found = taken(livenessProbe={"httpGet": {"port": 80, "path": path}}).liveness
    assert found is not None and found.action.path == asked


def test_dollars_of_a_probe_s_command_are_as_a_kubelet_takes_them_also_without_variables() -> None:
    found = taken(livenessProbe={"exec": {"command": ["$$(A) $(B)"]}}).liveness
    assert found is not None and found.action.command == ["$(A) $(B)"]


def test_a_probe_s_numbers_and_kubernetes_defaults_for_them() -> None:
    numbers = {
        "initialDelaySeconds": 1, "periodSeconds": 2, "timeoutSeconds": 3, "successThreshold": 4, "failureThreshold": 5,
        "terminationGracePeriodSeconds": 6,
    }  # fmt: skip
    found = taken(startupProbe=TRUE, readinessProbe=TRUE | numbers)
    assert found.readiness == Probe(Action("exec", ["true"]), 1, 2, 3, 4, 5, 6)
    assert found.startup == Probe(Action("exec", ["true"]), 0, 10, 1, 1, 3, None)
    assert found.liveness is None


def test_a_probe_doesn_t_know_the_pod_s_own_address() -> None:
    address = {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}
    referring = {**address, "name": "URL", "value": "http://$(IP)"}
    found = taken(
        livenessProbe={"exec": {"command": ["-$(IP)-", "$(URL)", "$(NONE)"]}}, env=[address, referring]
    ).liveness
    assert found is not None and found.action.command == ["--", "$(URL)", "$(NONE)"]


@pytest.mark.parametrize(
    ("hook", "action"),
    [
        ({"exec": {"command": ["echo", "$(A)", "$$"]}}, Action("exec", command=["echo", "$(A)", "$$"])),
        ({"httpGet": {"port": "web"}}, Action("http", port=8080, path="/")),
        ({"sleep": {"seconds": 5}}, Action("sleep", seconds=5)),
    ],
)
def test_hooks_of_each_kind(hook: Json, action: Action) -> None:
    found = taken(lifecycle={"postStart": hook, "preStop": hook}, env=[{"name": "A", "value": "x"}])
    assert (found.post_start, found.pre_stop) == (action, action)


def test_the_signal_that_asks_a_container_to_end() -> None:
    assert taken(lifecycle={"stopSignal": "SIGQUIT"}).stop_signal == signal.SIGQUIT
    assert taken().stop_signal == signal.SIGTERM


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        (
            {"livenessProbe": {"httpGet": {"port": "db"}}},
            'the container has no port "db": use its name in ports, or a number (containers[0].livenessProbe.httpGet.port)',
        ),
        (
            {"livenessProbe": {"tcpSocket": {"port": 0}}},
            "a port is a number from 1 to 65535, or the name of one of the container's ports: correct it"
            " (containers[0].livenessProbe.tcpSocket.port)",
        ),
        (
            {"livenessProbe": {"periodSeconds": 5}},
            "it must do exactly one thing: give one of exec, httpGet, tcpSocket, grpc (containers[0].livenessProbe)",
        ),
        (
            {"livenessProbe": {**TRUE, "mood": "good"}},
            "this field is not supported at this site: remove it (containers[0].livenessProbe.mood)",
        ),
        (
            {"livenessProbe": {**TRUE, "terminationGracePeriodSeconds": 6000}},
            "a grace period of 6000 s can't be given at this site: use 1 to 600"
            " (containers[0].livenessProbe.terminationGracePeriodSeconds)",
        ),
        (
            {"readinessProbe": {**TRUE, "periodSeconds": -1}},
            "-1 is not between 0 and 2147483647: correct it (containers[0].readinessProbe.periodSeconds)",
        ),
        (
            {"livenessProbe": {"httpGet": {"port": 1, "httpHeaders": [{"name": "a", "value": "b\r\nc: d"}]}}},
            "a header can't hold control characters: remove them (containers[0].livenessProbe.httpGet.httpHeaders[0])",
        ),
        (
            {"livenessProbe": {"httpGet": {"port": 1, "httpHeaders": [{"name": "ä b", "value": "c"}]}}},
            '"ä b" is not the name of a header: use letters, digits and hyphens'
            " (containers[0].livenessProbe.httpGet.httpHeaders[0].name)",
        ),
        (
            {"livenessProbe": {"httpGet": {"port": 1, "scheme": "FTP"}}},
            "it is neither HTTP nor HTTPS: correct it (containers[0].livenessProbe.httpGet.scheme)",
        ),
        (
            {"lifecycle": {"stopSignal": "SIGRTMIN+3"}},
            'signal "SIGRTMIN+3" can\'t be sent at this site: use one such as SIGTERM, SIGINT or SIGQUIT'
            " (containers[0].lifecycle.stopSignal)",
        ),
    ],
)
def test_what_can_t_be_probed_is_rejected(fields: Json, reason: str) -> None:
    assert reasons(pod(container(ports=PORTS, **fields))) == (reason,)


def test_a_hook_doesn_t_connect() -> None:
    why = reasons(pod(container(lifecycle={"postStart": {"tcpSocket": {"port": 1}}})))
    assert "this field is not supported at this site: remove it (containers[0].lifecycle.postStart.tcpSocket)" in why


def test_an_init_container_has_neither_and_a_sidecar_has_both() -> None:
    cared_for = {"livenessProbe": TRUE, "lifecycle": {"preStop": TRUE}}
    assert len(reasons(pod(initContainers=[container("i", **cared_for)]))) == 2
    sidecar = first(compiled(pod(initContainers=[container("s", restartPolicy="Always", **cared_for)])))
    assert (sidecar.liveness, sidecar.pre_stop) == (Probe(Action("exec", ["true"])), Action("exec", ["true"]))


def test_what_probes_and_hooks_hold_isn_t_in_the_plan_s_public_digest() -> None:
    plans = [
        compiled(
            pod(container(livenessProbe={"httpGet": {"port": 1, "httpHeaders": [{"name": "k", "value": secret}]}}))
        )
        for secret in ("a", "b")
    ]
    assert plans[0].plan_hash == plans[1].plan_hash
