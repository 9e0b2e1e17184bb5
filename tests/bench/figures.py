"""Figures: measured side by side in one run, written as JSON lines and shown as a table. Never asserted."""

import json
import statistics
import time
from collections.abc import Callable, Sequence
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


def at_p50_and_p95(what: str, found: Sequence[float], compared_with: str, compared: Sequence[float]) -> list[Figure]:
    """Of what was measured often, and of what it is compared with."""
    cuts = [statistics.quantiles(each, n=100, method="inclusive") for each in (found, compared)]
    return [
        Figure(f"{what}, p{percent}", cuts[0][percent - 1], compared_with, cuts[1][percent - 1]) for percent in (50, 95)
    ]


def report(figures: list[Figure], run: str) -> Path:
    """Append the figures to bench-results/<run>.jsonl and print them."""
    RESULTS.mkdir(exist_ok=True)
    place = RESULTS / f"{run}.jsonl"
    with place.open("a") as stream:
        for figure in figures:
            stream.write(json.dumps({**asdict(figure), "ratio": round(figure.ratio, 4), "at": time.time()}) + "\n")
    table = Table("figure", "seconds", "beside", "seconds", "ratio", title=run)
    for f in figures:
        table.add_row(f.name, f"{f.seconds:.3f}", f.compared_with, f"{f.compared_seconds:.3f}", f"{f.ratio:.3f}")
    Console().print(table)
    return place


def seconds_until(condition: Callable[[], bool], began: float, deadline: float = 600, pause: float = 0.2) -> float:
    """Seconds from `began` (monotonic) until `condition()` holds; fails at the deadline."""
    while not condition():
        assert time.monotonic() - began < deadline, "not within the deadline"
        time.sleep(pause)
    return time.monotonic() - began
