"""What containers use, read from /proc: there need be no cgroup of a container's own in a job."""

import os
from typing import Any, Dict, List, Tuple

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


class UsageReader:
    """Adds up each container's processes. CPU time never goes back: that of a process whose parent didn't wait for it is kept."""

    def __init__(self) -> None:
        self._cpu: Dict[int, float] = {}

    def read(self, members: Dict[str, List[int]]) -> List[Dict[str, Any]]:
        """For each container, by the ids of its processes, the oldest first: seconds of CPU time so far, bytes of memory now."""
        found = []
        for name, pids in members.items():
            pid, each = pids[0], [_process(child) for child in pids]
            cpu = self._cpu[pid] = max(self._cpu.get(pid, 0.0), sum(cpu for cpu, _ in each))
            found.append({"name": name, "cpu_seconds": cpu, "memory_bytes": sum(memory for _, memory in each)})
        self._cpu = {pids[0]: self._cpu[pids[0]] for pids in members.values()}
        return found


def _process(pid: int) -> Tuple[float, int]:
    """CPU seconds with those of children it waited for, and bytes of memory that are its own; nothing if it has gone."""
    try:
        with open("/proc/%d/stat" % pid, "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        with open("/proc/%d/statm" % pid, "rb") as file:
            _, resident, shared = [int(field) for field in file.read().split()[:3]]
    except (OSError, ValueError):
        return 0.0, 0
    # utime, stime, cutime, cstime: fields 14 to 17 of proc(5), of which the first two are cut off
    return sum(int(field) for field in fields[11:15]) / TICKS, max(0, resident - shared) * PAGE
