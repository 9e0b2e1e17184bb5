"""A pod's own words, out of each of the ways in which the suite shows pods."""

import pytest
from devcluster.conformance.shown_pods import pods_words

WORDS = 'user ids can\'t be chosen: remove "runAsUser" (securityContext)'
IN_YAML = (
    "conditions:\n- message: of a condition\n  type: Ready\nmessage: {message}\nphase: Failed\nreason: ProviderFailed\n"
)


def indented(text: str, depth: int) -> str:
    return "".join(" " * depth + line for line in text.splitlines(keepends=True))


QUOTED = "'user ids can''t be chosen: remove \"runAsUser\" (securityContext)'"
STATUS = IN_YAML.format(message=QUOTED)
POD = f"metadata:\n  name: a\nstatus:\n{indented(STATUS, 2)}"


@pytest.mark.parametrize(
    "text",
    [
        f"failed with status: \n    <v1.PodStatus>: \n{indented(STATUS, 8)}and what follows",
        f"got Failed instead:\n    <*v1.Pod | 0x1bdc>: \n{indented(POD, 8)}",
        'pod "a" failed with reason: "ProviderFailed", message: '
        '"user ids can\'t be chosen: remove \\"runAsUser\\" (securityContext)"\n    {',
        f"&PodStatus{{Phase:Failed,Conditions:[]PodCondition{{PodCondition{{Type:Ready,Message:,}},}},Message:{WORDS},"
        "Reason:ProviderFailed,HostIP:10.0.0.1,",
    ],
)
def test_the_message_is_found_however_the_pod_is_shown(text: str) -> None:
    assert pods_words(text) == WORDS


def test_a_pod_without_a_message_gives_its_reason() -> None:
    assert pods_words("<v1.PodStatus>: \n    phase: Failed\n    reason: Evicted") == "Evicted"


@pytest.mark.parametrize(
    "text",
    ["", "Expected\n    <string>: a", "<v1.PodStatus>: \n    phase: Running", "<v1.PodStatus>: \n    [not, closed"],
)
def test_where_nothing_is_said_nothing_is_found(text: str) -> None:
    assert pods_words(text) == ""
