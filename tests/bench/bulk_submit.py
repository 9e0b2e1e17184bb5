"""The raw rate of HTCondor itself: the jobs of given pods in one bulk submit, by the sidecar's own binding and nothing else.

Run as a process of its own, since the binding's parameters are global: pods (JSON, as Kubernetes has them) on standard input,
`{"queued": seconds, "ended": seconds}` on standard output.
"""

import json
import sys
import time
import uuid
from pathlib import Path
from typing import Any

from condor_sidecar.core.compile import compile_pod
from condor_sidecar.core.payload import pack
from condor_sidecar.core.policy import ImagePolicy, Policy
from condor_sidecar.core.submit_batch import batches
from condor_sidecar.io.binding import Binding
from condor_sidecar.job.executable import executable
from condor_sidecar.model.calls import Act, Action, Changes, ConnectionSettings, Poll, Submit, SubmitItem, Submitted
from condor_sidecar.model.job_ad import JobStatus
from condor_sidecar.model.plan import Plan
from condor_sidecar.model.pod_record import ContainerRecord, PodRecord
from interlink.protocol.types import CreateRequest, RetrievedPodData
from interlink.server.attach import attach_volumes


def main() -> None:
    task = json.load(sys.stdin)
    instance = f"bulk-{uuid.uuid4().hex[:8]}"
    folder = Path(task["folder"])
    program = folder / "supervisor"
    program.write_bytes(executable())
    policy = Policy(images=ImagePolicy(unpacked_roots=tuple(task["unpacked_roots"])))
    made = [_planned(pod, policy) for pod in task["pods"]]
    binding = Binding(ConnectionSettings(task["collector"], task["schedd"], task["params"]))
    binding.handle(Poll("false", 0))  # the login is not what is measured
    payloads = {record.uid: payload for record, payload in made}
    folders = {record.uid: str(folder / record.uid) for record, _ in made}

    began = time.monotonic()
    for batch in batches([record for record, _ in made], instance, str(program), folders):
        items = [
            SubmitItem(folders[r.uid], values, payloads[r.uid])
            for r, values in zip(batch.records, batch.values, strict=True)
        ]
        reply = binding.handle(Submit(batch.description, items))
        assert isinstance(reply, Submitted), reply
    queued = time.monotonic() - began
    mine = f'InterlinkInstance == "{instance}"'
    while not _all_ended(binding, mine, len(made)):
        assert time.monotonic() - began < 600, "the jobs did not end"
        time.sleep(0.2)
    ended = time.monotonic() - began
    binding.handle(Act(Action.REMOVE, mine, "bench is over"))
    print(json.dumps({"queued": queued, "ended": ended}))


def _planned(pod: dict[str, Any], policy: Policy) -> tuple[PodRecord, bytes]:
    data = RetrievedPodData(pod=pod, container=attach_volumes(CreateRequest(pod=pod)))
    plan = compile_pod(data, policy)
    assert isinstance(plan, Plan), plan
    record = PodRecord(
        uid=plan.uid,
        namespace=plan.namespace,
        name=plan.name,
        submit=dict(plan.submit),
        containers=tuple(ContainerRecord(c.name, c.kind) for c in plan.containers),
        grace_seconds=plan.grace_seconds,
        wall_seconds=plan.wall_seconds,
        plan_hash=plan.plan_hash,
        accepted_at=0.0,
    )
    return record, pack(plan)


def _all_ended(binding: Binding, constraint: str, count: int) -> bool:
    reply = binding.handle(Poll(constraint, 0))
    assert isinstance(reply, Changes), reply
    return sum(1 for ad in reply.ads if ad.status == JobStatus.COMPLETED) == count


if __name__ == "__main__":
    main()
