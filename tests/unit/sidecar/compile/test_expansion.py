"""References to variables in command and args are replaced as a kubelet does, once."""

import pytest
from condor_sidecar.core.compile.expansion import expand
from hypothesis import given
from hypothesis import strategies as st

VARIABLES = {"A": "a", "B": "$(A)", "EMPTY": "", "x y": "blank"}


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("$(A)", "a"),
        ("x$(A)y$(A)", "xaya"),
        ("$(EMPTY)", ""),
        ("$(B)", "$(A)"),  # a value is not expanded again
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$a"),
        ("$$$$(A)", "$$(A)"),
        ("$(NONE)", "$(NONE)"),
        ("$(A", "$(A"),
        ("$(A$(A)", "$(A$(A)"),  # one reference, to a variable called "A$(A"
        ("$()", "$()"),
        ("$A ${A} `A` $", "$A ${A} `A` $"),
        ("$$", "$"),
        ("$(x y)", "blank"),
        ("$( A)", "$( A)"),
        ("", ""),
    ],
)
def test_references_follow_the_kubelet_s_rules(text: str, expanded: str) -> None:
    assert expand(text, VARIABLES) == expanded


def by_hand(text: str, variables: dict[str, str]) -> str:
    """The rules once more, a character at a time."""
    result, position = "", 0
    while position < len(text):
        rest = text[position:]
        end = rest.find(")")
        if rest.startswith("$$"):
            result, position = result + "$", position + 2
        elif rest.startswith("$(") and end > 0:
            name = rest[2:end]
            result, position = result + variables.get(name, rest[: end + 1]), position + end + 1
        else:
            result, position = result + rest[0], position + 1
    return result


@given(st.text(alphabet="$()AB \n"))
def test_any_mixture_of_dollars_and_parentheses_follows_the_rules(text: str) -> None:
    assert expand(text, VARIABLES) == by_hand(text, VARIABLES)


@given(st.text())
def test_text_without_a_dollar_stays_as_it_is(text: str) -> None:
    assert expand(text.replace("$", ""), VARIABLES) == text.replace("$", "")
