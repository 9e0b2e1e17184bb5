"""Plans into submit descriptions: many pods of one shape become one description with item variables.

One cluster, one transaction and one transfer for a batch is what makes a schedd take hundreds of jobs a second. No value
of a plan can change the meaning of the description: control characters and `$` are refused here once more.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from condor_sidecar.core.constraint import quoted
from condor_sidecar.model.pod_record import PodRecord

STREAM = "supervisor.out"
ERRORS = "supervisor.err"
OUTPUT = "out.tar"


class UnsafeValue(ValueError):
    """A value that HTCondor's submit language would not take as it is."""


@dataclass(frozen=True, slots=True)
class Batch:
    """`description` for all `records`; `values[i]` are the item variables of `records[i]`."""

    description: dict[str, str]
    records: tuple[PodRecord, ...]
    values: tuple[dict[str, str], ...]


def batches(
    records: Iterable[PodRecord], instance: str, executable: str, folders: Mapping[str, str]
) -> tuple[Batch, ...]:
    """Group records whose descriptions have the same keys; `folders` maps UIDs to the jobs' private folders."""
    groups: dict[tuple[str, ...], list[tuple[PodRecord, dict[str, str]]]] = {}
    for record in records:
        commands = _commands(record, instance, executable, folders[record.uid])
        groups.setdefault(tuple(sorted(commands)), []).append((record, commands))
    return tuple(_batch(keys, members) for keys, members in groups.items())


def check(record: PodRecord) -> None:
    """Raises UnsafeValue for a plan that can't be submitted as it is."""
    _commands(record, "", "", "")


def _commands(record: PodRecord, instance: str, executable: str, folder: str) -> dict[str, str]:
    commands = {
        **record.submit,
        "executable": executable,
        "initialdir": folder,
        "output": STREAM,
        "error": ERRORS,
        "stream_output": "true",
        "leave_in_queue": "JobStatus == 4 && InterlinkFetched =!= true && time() - CompletionDate < 7 * 86400",
        "MY.InterlinkInstance": quoted(instance),
        "MY.InterlinkPodUID": quoted(record.uid),
        "MY.InterlinkGeneration": str(record.generation),
        "MY.InterlinkPlanHash": quoted(record.plan_hash),
        "MY.InterlinkContainers": quoted(containers_attribute(record)),
        "MY.InterlinkNamespace": quoted(record.namespace),
        "MY.InterlinkPodName": quoted(record.name),
        "MY.InterlinkGraceSeconds": str(record.grace_seconds),
        "MY.InterlinkWallSeconds": str(record.wall_seconds),
        "MY.InterlinkFetched": "false",
    }
    # the job leaves nothing else beside it; naming it would make a query for a running job's output fail (23.9)
    commands.pop("transfer_output_files", None)
    for key, value in commands.items():
        if "$" in value or any(ord(c) < 32 or ord(c) == 127 for c in value):
            raise UnsafeValue(f"{key} of pod {record.uid} holds a control character or a $")
    return commands


def _batch(keys: tuple[str, ...], members: list[tuple[PodRecord, dict[str, str]]]) -> Batch:
    description: dict[str, str] = {}
    varying: dict[str, str] = {}
    for index, key in enumerate(keys):
        distinct = {commands[key] for _, commands in members}
        if len(distinct) == 1:
            description[key] = distinct.pop()
        else:
            # a name that ends in an underscore and digits makes the queue statement unreadable (htcondor 25.14)
            varying[key] = f"ilvar{index}"
            description[key] = f"$(ilvar{index})"
    values = tuple({variable: commands[key] for key, variable in varying.items()} for _, commands in members)
    # a batch of one, or of equal pods, still needs a variable: items without any are no items
    if not varying:
        values = tuple({"ilvar": str(number)} for number in range(len(members)))
    return Batch(description, tuple(record for record, _ in members), values)


def containers_attribute(record: PodRecord) -> str:
    """The pod's containers in one word list, `i:name` for init containers, `s:name` for sidecars, `m:name` for the others; behind
    another colon the letters of probes, where there are some."""
    return " ".join(
        f"{each.kind.value[0]}:{each.name}" + (f":{each.probes}" if each.probes else "") for each in record.containers
    )
