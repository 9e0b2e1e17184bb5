"""A cluster's workers, as text and as a table in a notebook."""

from typing import Any

import pytest
from highrate.dask.worker_table import WorkerLog, read

NOW = 10_000.0


def row(name: str, state: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "state": state, "site": "na", "asked": 1_000, "ended": None, "node": None, **more}


def answer(*rows: dict[str, Any], **about: Any) -> dict[str, Any]:
    return {"cluster": {"name": "c", **about}, "workers": list(rows), "left_off": 0}


def test_the_table_as_text() -> None:
    table = read(
        answer(
            row("w3", "failed", reason="OOMKilled", message="It used more\nmemory than it asked for.", ended=61_000),
            row("w2", "waiting", message="27 jobs are before it.", asked=9_000_000),
            row("w1", "running", node="vk-na"),
            message="The cluster is well.",
        ),
        NOW,
    )
    assert repr(table).splitlines() == [
        "c: 1 running, 1 waiting, 1 failed",
        "The cluster is well.",
        "WORKER  STATE    SINCE   WHERE     WHY",
        "w1      running  2 h     na/vk-na",
        "w2      waiting  16 min  na        27 jobs are before it.",
        "w3      failed   60 s    na        OOMKilled: It used more memory than it asked for.",
    ]


def test_nothing_of_a_worker_is_code_in_the_notebook() -> None:
    shown = read(answer(row("<b>", "failed", message="<script>alert(1)</script>")), NOW)._repr_html_()
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown
    assert "<td style='text-align:left'>&lt;b&gt;</td>" in shown


def test_rows_are_reached_by_name_or_by_its_beginning() -> None:
    table = read(answer(row("abc", "running"), row("abd", "running"), row("ab", "running")), NOW)
    assert (table["abc"].name, table["ab"].name, len(table), len(list(table))) == ("abc", "ab", 3, 3)
    with pytest.raises(KeyError, match="2 workers of c have a name that begins with 'a"):
        read(answer(row("abc", "running"), row("abd", "running")), NOW)["a"]


def test_no_workers_are_a_table_too() -> None:
    table = read({**answer(), "left_off": 7}, NOW)
    assert repr(table) == "c: no workers\nand 7 more that have ended"
    assert "and 7 more" in table._repr_html_()


def test_an_exit_code_stands_for_a_missing_message() -> None:
    assert read(answer(row("w", "failed", reason="Error", exit_code=3)), NOW)["w"].why == "Error: exit code 3"


@pytest.mark.parametrize("broken", [{}, {"cluster": None, "workers": []}, {"cluster": {}, "workers": []},
                                    {"cluster": {"name": "c"}, "workers": [1]}], ids=str)  # fmt: skip
def test_answers_that_are_no_workers(broken: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="can't be read"):
        read(broken)


def test_a_log_is_shown_as_it_is() -> None:
    assert repr(WorkerLog("a\nb\n")) == "a\nb\n"
