"""For each area of what pods may ask: a whole plan, and all that is said to a pod that asks too much, word for word.

`HIGHRATE_UPDATE_GOLDEN=1` writes the files anew.
"""

import json
import os
from pathlib import Path

import pytest

from tests.unit.sidecar.compile.pods import compiled, reasons
from tests.unit.sidecar.compile.rows import ROWS
from tests.unit.sidecar.compile.test_golden import readable

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("name", list(ROWS))
def test_a_pod_of_each_area_is_planned_as_it_was(name: str) -> None:
    row = ROWS[name]
    compare(GOLDEN / f"row-{name}.json", readable(compiled(row.taken, row.policy, **row.objects)))


@pytest.mark.parametrize("name", list(ROWS))
def test_a_pod_that_asks_too_much_of_an_area_is_told_all_of_it(name: str) -> None:
    row = ROWS[name]
    said = reasons(row.rejected, row.policy, **row.objects)
    compare(GOLDEN / f"row-{name}-rejected.json", json.dumps(said, indent=1, ensure_ascii=False) + "\n")


def compare(path: Path, text: str) -> None:
    if os.environ.get("HIGHRATE_UPDATE_GOLDEN"):
        path.write_text(text)
    assert text == path.read_text()
