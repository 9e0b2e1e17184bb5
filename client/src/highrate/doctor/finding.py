"""What a check found."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    GOOD = "good"
    ABSENT = "absent"
    """The platform doesn't have it, or this is no place for it: nothing is wrong."""
    DOUBTFUL = "doubtful"
    BAD = "bad"


@dataclass(frozen=True)
class Finding:
    """One sentence, and what to do if there is something to do."""

    state: State
    sentence: str
    advice: str = ""


def good(sentence: str) -> Finding:
    return Finding(State.GOOD, sentence)


def absent(sentence: str) -> Finding:
    return Finding(State.ABSENT, sentence)


def doubtful(sentence: str, advice: str) -> Finding:
    return Finding(State.DOUBTFUL, sentence, advice)


def bad(sentence: str, advice: str) -> Finding:
    return Finding(State.BAD, sentence, advice)
