"""ClassAd constraints: always limited to this instance's jobs, and with every text quoted."""

from collections.abc import Iterable


def quoted(text: str) -> str:
    """`text` as a ClassAd string literal."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r") + '"'


def of_instance(instance: str) -> str:
    """All jobs of this sidecar."""
    return f"InterlinkInstance =?= {quoted(instance)}"


def unfinished(instance: str) -> str:
    """The jobs that a poll needs: not those whose output is stored, which only wait for the schedd to let them go."""
    return f"{of_instance(instance)} && InterlinkFetched =!= true"


def of_pods(instance: str, uids: Iterable[str]) -> str:
    """All jobs of these pods, duplicates included."""
    names = " || ".join(f"InterlinkPodUID == {quoted(uid)}" for uid in sorted(uids))
    return f"{of_instance(instance)} && ({names or 'false'})"


def of_jobs(instance: str, job_ids: Iterable[str]) -> str:
    """Exactly these jobs (`cluster.proc`), if they are ours."""
    pairs = (job_id.split(".") for job_id in job_ids)
    names = " || ".join(f"(ClusterId == {int(cluster)} && ProcId == {int(proc)})" for cluster, proc in pairs)
    return f"{of_instance(instance)} && ({names or 'false'})"
