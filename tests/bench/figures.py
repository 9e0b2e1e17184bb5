"""Figures: measured side by side in one run, written as JSON lines and shown as a table. Never asserted."""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

RESULTS = Path("bench-results")


@dataclass(frozen=True)
class Figure:
    """One measured duration, beside what it is compared with in the same run."""

    name: str
    seconds: float
    compared_with: str
    compared_seconds: float

    @property
    def ratio(self) -> float:
        return self.seconds / self.compared_seconds


def report(figures: list[Figure], run: str) -> Path:
    """Append the figures to bench-results/<run>.jsonl and print them."""
    RESULTS.mkdir(exist_ok=True)
    place = RESULTS / f"{run}.jsonl"
    with place.open("a") as stream:
        for figure in figures:
            stream.write(json.dumps({**asdict(figure), "ratio": round(figure.ratio, 2), "at": time.time()}) + "\n")
    table = Table("figure", "seconds", "beside", "seconds", "ratio", title=run)
    for f in figures:
        table.add_row(f.name, f"{f.seconds:.2f}", f.compared_with, f"{f.compared_seconds:.2f}", f"{f.ratio:.2f}")
    Console().print(table)
    return place


def seconds_until(condition: Callable[[], bool], began: float, deadline: float = 600, pause: float = 0.2) -> float:
    """Seconds from `began` (monotonic) until `condition()` holds; fails at the deadline."""
    while not condition():
        assert time.monotonic() - began < deadline, "not within the deadline"
        time.sleep(pause)
    return time.monotonic() - began
