"""Which tests had pods that the virtual node refused."""

import json
from pathlib import Path

from devcluster.conformance import refusals, report

LOG = [
    json.dumps({"event": "pod.submitted", "pod": "pods-1/a"}),
    json.dumps({"event": "pod.refused", "pod": "pods-1/b", "reasons": ["no probes", "no hooks"]}),
    json.dumps({"event": "pod.refused", "pod": "pods-1/c", "reasons": ["no hooks", "no users"]}),
    json.dumps({"event": "pod.refused", "pod": "probes-2/d", "reasons": ["no probes"]}),
    json.dumps({"event": "pod.phase", "pod": "probes-3/pod.refused"}),
    "a line of another program",
]


def test_reasons_are_gathered_by_namespace_each_once() -> None:
    assert refusals.of_log(LOG) == {"pods-1": "no probes; no hooks; no users", "probes-2": "no probes"}


def test_a_test_is_told_what_was_refused_in_its_namespaces(tmp_path: Path) -> None:
    place = tmp_path / "report.xml"
    cases = [
        f'<testcase name="[It] {name}" status="passed"><system-err>STEP: Destroying namespace "{namespace}" for this suite.'
        "</system-err></testcase>"
        for name, namespace in (("Pods run", "pods-1"), ("Secrets are read", "secrets-7"))
    ]
    place.write_text(f"<testsuites>{''.join(cases)}</testsuites>")
    found = {outcome.title: outcome.refused for outcome in report.read(place, refusals.of_log(LOG))}
    assert found == {"Pods run": "no probes; no hooks; no users", "Secrets are read": ""}
