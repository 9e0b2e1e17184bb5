"""What is written down of a machine's programs."""

from pathlib import Path

import pytest
from devcluster.machine import Machine, Program
from devcluster.paths import Checkout


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(Checkout(tmp_path), "node", Path("/"), "node")
    made.supervise(Program("etcd", ("etcd", "--flag"), order=7))
    made.supervise(Program("kubelet", ("kubelet",)))
    return made


def test_a_program_is_taken_away_for_a_while_and_comes_back_as_it_was(machine: Machine) -> None:
    before = (machine.control / "programs" / "etcd.json").read_bytes()
    with pytest.raises(ZeroDivisionError), machine.without("etcd"):
        assert machine.wanted() == ("kubelet",)
        raise ZeroDivisionError
    assert machine.wanted() == ("etcd", "kubelet")
    assert (machine.control / "programs" / "etcd.json").read_bytes() == before


def test_a_program_that_nobody_wants_cannot_be_taken_away(machine: Machine) -> None:
    with pytest.raises(FileNotFoundError), machine.without("nothing"):
        pass
    assert machine.wanted() == ("etcd", "kubelet")
