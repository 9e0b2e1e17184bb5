"""The submit description: constants, numbers and names of known shape; never a text of a user's.

HTCondor's submit language expands `$` and takes a newline for the start of another command, in any value. So nothing with
either gets in, whoever put it there.
"""

import re
from collections.abc import Mapping
from typing import Final

from condor_sidecar.core.compile.annotations import Asked
from condor_sidecar.core.compile.resources import Request
from condor_sidecar.core.compile.wall_time import Limits
from condor_sidecar.core.policy import EndpointMode

DAY: Final = 24 * 3600
OVERTIME: Final = 120  # seconds that HTCondor itself waits beyond the wall time before it holds the job
UNSAFE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f$]")
KEY: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.]*")

# A compute element may route a job again after the pool removed it. The new copy has NumJobStarts 0 if the router missed the
# first start, but it brings the date of that start, which is before the copy was queued.
_NO_EARLIER_COPY: Final = "(MY.JobStartDate =?= undefined || MY.JobStartDate >= MY.QDate)"
NEVER_STARTED: Final = f"((MY.NumJobStarts =?= undefined || MY.NumJobStarts == 0) && {_NO_EARLIER_COPY})"

CONSTANT: Final[Mapping[str, str]] = {
    "universe": "vanilla",
    "transfer_executable": "true",
    "transfer_input_files": "payload.tar",
    "should_transfer_files": "YES",
    # no transfer_output_files: with it, the output of a running job can't be retrieved; what lies at the top of the
    # scratch directory comes back, which is out.tar
    "stream_output": "true",
    "stream_error": "true",
    "want_io_proxy": "true",  # the supervisor sets ChirpIL
    "want_graceful_removal": "true",  # SIGTERM first
    "notification": "never",
    # at most once: a pod that started is never started again by HTCondor
    "requirements": NEVER_STARTED,
    # should the sidecar be gone for good, nothing stays for ever
    "periodic_remove": f"JobStatus == 5 && (time() - EnteredCurrentStatus) > {DAY}",
}


class UnsafeSubmit(ValueError):
    """A value that must not get into a submit description."""


def description(uid: str, request: Request, limits: Limits, asked: Asked) -> dict[str, str]:
    """The submit commands of a pod's job. Raises UnsafeSubmit."""
    policy = asked.policy
    commands = dict(CONSTANT)
    commands |= {
        "when_to_transfer_output": "ON_EXIT" if policy.mode is EndpointMode.CE else "ON_EXIT_OR_EVICT",
        "job_max_vacate_time": str(limits.grace_seconds + policy.wall_time.margin_seconds // 2),
        "allowed_execute_duration": str(limits.wall_seconds + OVERTIME),
        "request_cpus": str(request.cpus),
        "request_memory": str(request.memory_mib),  # MiB
        "request_disk": str(request.disk_mib * 1024),  # KiB
        # a compute element's router goes by these
        "MY.xcount": str(request.cpus),
        "MY.maxMemory": str(request.memory_mib),
        "MY.maxWallTime": str(-(-limits.wall_seconds // 60)),  # minutes
        "MY.JobBatchName": quoted(f"il-{uid[:8]}"),
    }
    if request.gpus:
        commands["request_gpus"] = str(request.gpus)
        kind = policy.require_gpus.get(request.gpu, "")
        # HTCondor counts GPUs of all vendors alike
        properties = [f"({kind})"] if kind else []
        properties += [f"DeviceName == {quoted(asked.gpu_model)}"] if asked.gpu_model else []
        if properties:
            commands["require_gpus"] = " && ".join(properties)
    extra = dict(policy.submit_extra)
    if asked.accounting_group:
        extra["accounting_group"] = asked.accounting_group
    wanted = [extra["requirements"]] if "requirements" in extra else []
    extra["requirements"] = " && ".join([NEVER_STARTED, *(f"({each})" for each in (*wanted, *asked.requirements))])
    return checked(commands | extra)


def quoted(text: str) -> str:
    """A ClassAd string; only for text that needs no escapes. Raises UnsafeSubmit."""
    if '"' in text or "\\" in text:
        raise UnsafeSubmit(f"{text!r} can't be a job attribute")
    return f'"{text}"'


def checked(commands: Mapping[str, str]) -> dict[str, str]:
    """`commands`, if every key and value is harmless. Raises UnsafeSubmit."""
    for key, value in commands.items():
        if not KEY.fullmatch(key) or UNSAFE.search(value):
            raise UnsafeSubmit(f"{key} = {value!r} can't be in a submit description")
    return dict(commands)
