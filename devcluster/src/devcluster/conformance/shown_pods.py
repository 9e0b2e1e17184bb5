"""What a pod said of its own end, found in the suite's words.

Where a pod did not do what a test waited for, the suite shows it, in one of four ways: the status or the whole pod as YAML, both
as Go prints them, or reason and message in a sentence.
"""

import json
import re
import textwrap

import yaml

_YAML = re.compile(r"<\*?v1\.(Pod|PodStatus)\b[^>]*>:[^\n]*\n(?P<block>.*)", re.DOTALL)
_PRINTED = re.compile(r"\},Message:(?P<message>[^{}]*),Reason:(?P<reason>\w*),HostIP:")
_SENTENCE = re.compile(r'failed with reason: "(?P<reason>\w*)", message: (?P<message>"(?:[^"\\]|\\.)*")')


def pods_words(text: str) -> str:
    """Message of the pod, else its reason; empty if no pod is shown or it says nothing."""
    if found := _SENTENCE.search(text):
        return json.loads(found["message"]) or found["reason"]
    if found := _PRINTED.search(text):
        return found["message"] or found["reason"]
    found = _YAML.search(text)
    return _of_yaml(found["block"]) if found else ""


def _of_yaml(text: str) -> str:
    """The block ends where the indentation does."""
    lines = text.splitlines()
    depth = len(lines[0]) - len(lines[0].lstrip())
    end = next((place for place, line in enumerate(lines) if line.strip() and not line.startswith(" " * depth)), None)
    try:
        shown = yaml.safe_load(textwrap.dedent("\n".join(lines[:end])))
    except yaml.YAMLError:
        return ""
    if not isinstance(shown, dict):
        return ""
    status = shown.get("status", shown)
    return str(status.get("message") or status.get("reason") or "")
