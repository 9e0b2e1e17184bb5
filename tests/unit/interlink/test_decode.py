"""Tolerant reading: any case, null for nothing, strangers ignored; what can't be read is told, never raised past the edge."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from interlink.protocol.decode import MalformedError, decode, encode
from interlink.protocol.types import CreateRequest, LogRequest, PingReply, PodStatus, RetrievedPodData

MESSAGES = (CreateRequest, LogRequest, PingReply, PodStatus, RetrievedPodData)


@given(data=st.binary(max_size=200), kind=st.sampled_from(MESSAGES))
def test_no_bytes_end_in_anything_but_a_message_or_malformed(data: bytes, kind: type) -> None:
    try:
        assert isinstance(decode(data, kind), kind)
    except MalformedError as error:
        assert str(error)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(spec=st.dictionaries(st.text(), JSON, max_size=4))
def test_a_pod_comes_through_untouched(spec: dict[str, object]) -> None:
    pod = {"metadata": {"uid": "u"}, "spec": spec, "Status": None}
    assert decode(encode(CreateRequest(pod=pod)), CreateRequest).pod == pod


def test_an_exact_key_wins_over_another_spelling_of_it() -> None:
    assert decode(b'{"uid": "other", "UID": "right"}', PodStatus).UID == "right"
    assert decode(b'{"UID": "right", "uid": "other"}', PodStatus).UID == "right"


@pytest.mark.parametrize("data", [b'{"status": 1}', b'{"resources": {"cpu": 8}}', b'{"taints": {}}'])
def test_a_wrong_type_says_where(data: bytes) -> None:
    with pytest.raises(MalformedError, match=r"\$\.(status|resources\.cpu|taints)"):
        decode(data, PingReply)


def test_claims_and_pull_secrets_travel_only_where_there_are_any() -> None:
    told = decode(b'{"pod": {}, "Claims": [{"volume": "v"}], "pullSecrets": null}', CreateRequest)
    assert (told.claims, told.pullSecrets) == ([{"volume": "v"}], None)
    silent = decode(b'{"pod": {}}', CreateRequest)
    passed_on = RetrievedPodData(silent.pod, [], claims=silent.claims, pullSecrets=silent.pullSecrets)
    assert {"claims", "pullSecrets"}.isdisjoint(json.loads(encode(passed_on)))
