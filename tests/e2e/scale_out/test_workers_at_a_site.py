"""From a notebook's cell to jobs of a site that lets nothing in: as many workers as asked for, and the work they do."""

import pytest

from tests.e2e.notebook import Notebook
from tests.e2e.scale_out.conftest import PATIENCE, SITE, START, Clusters
from tests.e2e.servers import until

pytestmark = pytest.mark.timeout(900)

WORKERS = 20

SLOWLY = """
import time
def slow(number):
    time.sleep(0.5)
    return number ** 2
answer = client.gather(client.map(slow, range(WORKERS * 30), pure=False)) == [n ** 2 for n in range(WORKERS * 30)]
"""
"""Fifteen seconds for so many WORKERS."""

SQUARES = """
import time
def square(number):
    time.sleep(0.05)
    return number ** 2
answer = client.gather(client.map(square, range(200), pure=False)) == [n ** 2 for n in range(200)]
"""

BETWEEN_WORKERS = """
import numpy
def ones(_): return numpy.ones(1_000_000)
places = list(client.scheduler_info(n_workers=-1)["workers"])
parts = [client.submit(ones, n, workers=[place], pure=False) for n, place in enumerate(places)]
total = client.submit(lambda parts: sum(part.sum() for part in parts), parts)
answer = [len(places), float(total.result())]
"""
"""Each worker holds 8 MB, and one of them fetches all."""

CREDENTIALS = """
import os
def kept():
    place = os.environ["BEARER_TOKEN_FILE"]
    return [oct(os.stat(place).st_mode & 0o777), open(place).read()]
found = list(client.run(kept).values())
answer = [sorted({mode for mode, _ in found}), {token for _, token in found} == {open(os.environ["BEARER_TOKEN_FILE"]).read()}]
"""

HISTOGRAM = """
import ROOT
FILE = "/opt/highrate/examples/data/events.root"
def histogram(frame):
    mass = "std::sqrt(2. * double(Muon_pt[0]) * double(Muon_pt[1]) * std::cosh(double(Muon_eta[0]) - double(Muon_eta[1])))"
    chosen = frame.Filter("nMuon >= 2").Define("mass", mass)
    made = chosen.Histo1D(("masses", "", 60, 60, 120), "mass").GetValue()
    return [made.GetBinContent(number) for number in range(62)]
distributed = histogram(ROOT.RDataFrame("Events", FILE, executor=client, npartitions=10))
answer = [distributed == histogram(ROOT.RDataFrame("Events", FILE)), sum(distributed) > 0]
"""


def test_three_workers_come_work_and_go(kernel: Notebook, clusters: Clusters) -> None:
    kernel.run(START)
    kernel.run(f"cluster.scale(3); client.wait_for_workers(3, timeout={PATIENCE})")
    assert len(clusters.jobs()) == 3
    assert kernel.run(SQUARES)
    assert kernel.run(BETWEEN_WORKERS) == [3, 3_000_000.0]
    # tokens are renewed every minute here: the workers have the session's a moment after it has it
    until(lambda: kernel.run(CREDENTIALS) == [["0o600"], True], PATIENCE, "the workers have the session's token")
    one_is_killed_meanwhile(3, kernel, clusters)
    kernel.run("cluster.scale(1)")
    until(lambda: len(clusters.jobs()) == 1, PATIENCE, "two jobs are gone")
    assert kernel.run(HISTOGRAM) == [True, True], "RDataFrame over the worker, and here"


def one_is_killed_meanwhile(workers: int, kernel: Notebook, clusters: Clusters) -> None:
    kernel.begin(f"WORKERS = {workers}\n{SLOWLY}")
    killed = clusters.kill_job()
    assert kernel.finish()
    until(
        lambda: killed not in clusters.jobs() and len(clusters.jobs()) == workers, PATIENCE, "another takes its place"
    )


@pytest.mark.long
def test_twenty_workers_come_work_and_go(kernel: Notebook, clusters: Clusters) -> None:
    kernel.run(START)
    kernel.run(f"cluster.scale({WORKERS}); client.wait_for_workers({WORKERS}, timeout={PATIENCE})")
    assert len(clusters.jobs()) == WORKERS
    assert kernel.run(SQUARES)
    assert kernel.run(BETWEEN_WORKERS) == [WORKERS, WORKERS * 1_000_000.0]
    # tokens are renewed every minute here: the workers have the session's a moment after it has it
    until(lambda: kernel.run(CREDENTIALS) == [["0o600"], True], PATIENCE, "the workers have the session's token")
    kernel.run("cluster.scale(10)")
    until(lambda: len(clusters.jobs()) == 10, PATIENCE, "ten jobs are gone")
    assert kernel.run(HISTOGRAM) == [True, True], "RDataFrame over ten workers, and here"
    one_is_killed_meanwhile(10, kernel, clusters)
    assert kernel.run("answer = sorted({row.site for row in cluster.workers()})") == [SITE]


@pytest.mark.long
def test_as_many_as_the_work_needs(kernel: Notebook, clusters: Clusters) -> None:
    quick = {"TARGET_DURATION": "5s", "CHUNK": "2", "WAIT_PENDING": "1", "WAIT_CONNECTED": "1"}
    patience = {f"DASK_HIGHRATE__ADAPTIVE__{name}": value for name, value in quick.items()}
    kernel.run(START.replace(")\n", f", environment={patience})\n", 1))
    kernel.run("cluster.adapt(minimum=0, maximum=4)")
    kernel.begin("import time; answer = client.gather(client.map(lambda n: time.sleep(1) or n, range(40), pure=False))")
    until(lambda: 2 <= len(clusters.jobs()) <= 4, PATIENCE, "workers are asked for")
    assert kernel.finish() == list(range(40))
    until(lambda: not clusters.jobs(), PATIENCE, "none is kept without work")
