"""How much memory processes use, cheaply: an upper bound first, the exact figure only where that says too much."""

import os
from typing import Callable, Iterable

PAGE = os.sysconf("SC_PAGE_SIZE")


def is_over(pids: Iterable[int], limit: int) -> bool:
    """Whether the processes use more than `limit` bytes together. What they share with each other counts once."""
    known = list(pids)
    return _total(known, resident) > limit and _total(known, proportional) > limit


def resident(pid: int) -> int:
    """Bytes of memory that the process sees; what it shares with others counts in each of them."""
    with open("/proc/%d/statm" % pid) as file:
        return int(file.read().split()[1]) * PAGE


def proportional(pid: int) -> int:
    """Bytes of memory with a fair share of what is shared; the kernel walks the process's memory for it."""
    try:
        with open("/proc/%d/smaps_rollup" % pid) as file:  # since Linux 4.14
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith("Pss:"))
    except (OSError, StopIteration):
        return resident(pid)


def _total(pids: Iterable[int], measure: Callable[[int], int]) -> int:
    total = 0
    for pid in pids:
        try:
            total += measure(pid)
        except (OSError, IndexError, ValueError):
            continue  # it has ended
    return total
