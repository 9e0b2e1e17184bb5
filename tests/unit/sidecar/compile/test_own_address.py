"""The pod's own address on its way: left open by the virtual kubelet, marked by the compile step, filled in inside the job."""

from pathlib import Path
from typing import Any

from condor_sidecar.core.compile import compile_pod
from condor_sidecar.job.supervisor.plan import Container, with_address
from condor_sidecar.model.plan import Plan
from hypothesis import given
from hypothesis import strategies as st
from interlink.protocol.decode import decode, encode
from interlink.protocol.types import CreateRequest, RetrievedPodData
from interlink.server.attach import attach_volumes
from virtual_kubelet.core.create_request import Translation, create_request
from virtual_kubelet.core.field_reference import NodeFacts
from virtual_kubelet.core.object_store import ObjectStore

from tests.unit.sidecar.compile.pods import POLICY, compiled, container, first, job_of, pod, reasons
from tests.unit.sidecar.supervisor import jobs

Json = dict[str, Any]

ADDRESS = "10.1.2.3"
TEXT = st.text(alphabet="$()AIPXY .", max_size=12)


def reference(path: str = "status.podIP") -> Json:
    return {"name": "IP", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}}


def all_the_way(of: Json) -> Container:
    """The first container as the job runs it: through the virtual kubelet, the wire, the API server and the compile step."""
    made = create_request(of, ObjectStore("default", {}, {}), NodeFacts("node", "10.0.0.9"), Translation())
    sent = decode(encode(made), CreateRequest)
    plan = compile_pod(RetrievedPodData(sent.pod, attach_volumes(sent)), POLICY)
    assert isinstance(plan, Plan), plan
    return with_address(job_of(plan).containers[0], ADDRESS)


def test_variables_and_what_refers_to_them_hold_the_job_s_address() -> None:
    env = [
        reference(),
        {**reference("status.podIPs"), "name": "ALL"},
        {"name": "URL", "value": "http://$(IP):8080/$$(IP)?$(NONE)"},
        {"name": "COPY", "value": "$(URL)"},
    ]
    volume = {"name": "v", "emptyDir": {}}
    mounts = [{"name": "v", "mountPath": "/v", "subPathExpr": "of-$(IP)"}]
    main = all_the_way(
        pod(
            container(env=env, command=["serve", "--host=$(IP)"], args=["$(COPY)"], volumeMounts=mounts),
            volumes=[volume],
        )
    )
    url = f"http://{ADDRESS}:8080/$(IP)?$(NONE)"
    assert dict(main.env) == {"IP": ADDRESS, "ALL": ADDRESS, "URL": url, "COPY": url}
    assert (main.command, main.args) == (["serve", f"--host={ADDRESS}"], [url])
    assert main.mounts[0].sub_path == f"of-{ADDRESS}"


def test_a_later_variable_of_the_same_name_leaves_what_was_said_before_it() -> None:
    env = [
        reference(),
        {"name": "A", "value": "$(IP):80"},
        {"name": "IP", "value": "x"},
        {"name": "B", "value": "$(IP)$(A)"},
    ]
    main = all_the_way(pod(container(env=env, args=["$(IP)"])))
    assert (dict(main.env), main.args) == ({"A": f"{ADDRESS}:80", "IP": "x", "B": f"x{ADDRESS}:80"}, ["x"])


@given(TEXT, TEXT, TEXT, st.lists(st.tuples(st.sampled_from(["IP", "X", "Y"]), TEXT), max_size=3))
def test_all_comes_out_as_if_the_address_had_been_known(
    before: str, text: str, argument: str, more: list[tuple[str, str]]
) -> None:
    def made(ip: Json) -> Container:
        env = [{"name": "A", "value": before}, ip, {"name": "X", "value": text}, {"name": "Y", "value": "$(X)-$(IP)$$"}]
        env += [{"name": name, "value": value} for name, value in more]
        return all_the_way(pod(container(env=env, command=["c"], args=[argument, "$(Y)"])))

    assert made(reference()) == made({"name": "IP", "value": ADDRESS})


def test_a_variable_of_another_field_is_still_to_be_resolved() -> None:
    env = [{"name": "N", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]
    (reason,) = reasons(pod(container(env=env)))
    assert "containers[0].env[0].valueFrom" in reason


def test_the_job_fills_in_the_address_that_it_reports(tmp_path: Path) -> None:
    script = 'echo "$IP" "$1"'
    main = first(
        compiled(pod(container(env=[reference()], command=["/bin/sh", "-c", script, "sh"], args=["at-$(IP)"])))
    )
    ran = jobs.container("c", *main.command, *main.args, env=main.env)
    result = jobs.Job(tmp_path, jobs.pod(ran)).run()
    address = result.address or "127.0.0.1"
    assert result.logs["c"].split(b" ", 3)[3] == f"{address} at-{address}\n".encode()
