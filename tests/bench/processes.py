"""What a process uses, by the kernel's word."""

import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def resident_mib(pid: int) -> float:
    """Memory that is there now."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


def cpu_seconds(pid: int) -> float:
    """Of the process alone, so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS
