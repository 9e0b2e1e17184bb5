"""What a chart says when it refuses values, and what it says to write instead."""

import re
from collections.abc import Iterator

import pytest
import yaml

from tests.charts.rendering import Chart, Object, Refused, Values, merged

# How every sentence goes on after the keys that it is about.
PROBLEM = re.compile(r"^\S.* (?:is missing:|contradict|is set, but|has no default:|belong to|needs the)", re.MULTILINE)
BLOCK = re.compile(r"(?:^    .*\n)+", re.MULTILINE)


def refusal(chart: Chart, values: Values) -> str:
    """What Helm prints; the test fails if it renders."""
    with pytest.raises(Refused) as refused:
        chart.render(values)
    return str(refused.value)


def the_only_problem(chart: Chart, values: Values, sentence: str) -> str:
    """What Helm prints, which holds this sentence and no other."""
    text = refusal(chart, values)
    assert sentence in text
    assert len(PROBLEM.findall(text)) == 1, "another sentence than the one that is due"
    return text


def remedies(text: str) -> Iterator[Values]:
    """Every piece of YAML that a message tells to write; commands are no mappings."""
    for block in BLOCK.findall(text):
        said = yaml.safe_load(block)
        if isinstance(said, dict):
            yield said


def remedied(chart: Chart, values: Values, sentence: str) -> list[list[Object]]:
    """What installs when what the refusal tells to write, in this sentence and no other, is written."""
    said = list(remedies(the_only_problem(chart, values, sentence)))
    assert said
    return [chart.render(merged(values, remedy)) for remedy in said]


def assert_unknown_key(chart: Chart, values: Values) -> None:
    """The schema does not know one of the keys."""
    assert re.search("additional propert", refusal(chart, values), re.IGNORECASE)


def assert_impossible_value(chart: Chart, values: Values, key: str) -> None:
    """The schema refuses the value of a key, and names the key."""
    assert re.search(rf"schema(.|\n)*\b{key}\b", refusal(chart, values))
