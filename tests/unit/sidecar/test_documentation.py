"""The configuration's page knows every key, and no other; what it shows as an example is taken."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args, get_origin

import pytest
import yaml
from condor_sidecar.pod_settings import HostPath, SiteVolume
from condor_sidecar.settings import Settings
from pydantic import BaseModel
from service_runtime.settings import parse_settings
from service_runtime.tls import TlsFiles

PAGE = (Path(__file__).parents[3] / "docs/configuration/condor-sidecar.md").read_text()
# Told in words beside the key that holds them: files of a certificate, and the entries of lists.
IN_WORDS = (TlsFiles, HostPath, SiteVolume)


def keys(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Of a section that may be left out, the section and all that is in it."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        if not (isinstance(kind, type) and _is_section(kind)):
            yield prefix + name
        for part in (kind, *(() if get_origin(kind) is tuple else get_args(kind))):
            if isinstance(part, type) and _is_section(part):
                yield from keys(part, f"{prefix}{name}.")


def _is_section(kind: type) -> bool:
    return issubclass(kind, BaseModel) and kind not in IN_WORDS


def test_every_key_is_on_the_page_and_every_key_there_exists() -> None:
    rows = [line.split("|")[1] for line in PAGE.splitlines() if line.startswith("| `")]
    documented = {key for row in rows for key in re.findall(r"`([a-z_.]+)`", row)}
    assert documented == set(keys(Settings))


@pytest.mark.parametrize(
    ("model", "beginning", "end"),
    [
        (TlsFiles, "| `tls` |", "\n"),
        (HostPath, "| `hostpath` |", "\n"),
        (SiteVolume, "### The table of volumes", "\n### "),
    ],
    ids=["tls", "hostpath", "volumes"],
)
def test_what_is_told_in_words_is_told_whole(model: type[BaseModel], beginning: str, end: str) -> None:
    words = PAGE.split(beginning)[1].split(end)[0]
    assert [name for name in model.model_fields if not re.search(rf"\b{name}\b", words)] == []


def test_the_examples_are_configurations_that_the_service_takes() -> None:
    least, *more = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]
    for example in (least, *({**least, **added} for added in more)):
        parse_settings(Settings, example, "the page")
    assert more
