"""Jobs in a queue in memory, with the attributes that a schedd would give them."""

import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from condor_sidecar.model.job_ad import JobAd, typed_attributes

IDLE, RUNNING, REMOVED, COMPLETED, HELD = 1, 2, 3, 4, 5


@dataclass
class Job:
    """One job: its attributes as in its ad, its folder at the client, and what it would send back."""

    attributes: dict[str, Any]
    folder: Path
    payload: bytes
    output: dict[str, bytes] = field(default_factory=dict)

    @property
    def job_id(self) -> str:
        return f"{self.attributes['ClusterId']}.{self.attributes['ProcId']}"

    @property
    def uid(self) -> str:
        return str(self.attributes["InterlinkPodUID"])

    def enter(self, status: int, **attributes: Any) -> None:
        self.attributes.update(JobStatus=status, EnteredCurrentStatus=int(time.time()), **attributes)


def ad(job: Job) -> JobAd:
    return msgspec.convert(typed_attributes(job.attributes), JobAd)


def matches(job: Job, constraint: str) -> bool:
    """The three shapes of constraint that the sidecar uses."""
    instance = re.match(r'InterlinkInstance =\?= "([^"]*)"', constraint)
    assert instance is not None, constraint
    if job.attributes["InterlinkInstance"] != instance[1]:
        return False
    if "InterlinkFetched" in constraint:
        return job.attributes.get("InterlinkFetched") is not True
    if uids := re.findall(r'InterlinkPodUID == "([^"]*)"', constraint):
        return job.uid in uids
    jobs = re.findall(r"ClusterId == (\d+) && ProcId == (\d+)", constraint)
    return job.job_id in {f"{cluster}.{proc}" for cluster, proc in jobs}
