"""The configuration's page knows every key, and no other."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from condor_sidecar.pod_settings import HostPath, SiteVolume
from condor_sidecar.settings import Settings
from pydantic import BaseModel
from service_runtime.tls import TlsFiles

APART = (TlsFiles, HostPath, SiteVolume)
"""Sections with a table of their own on the page."""
PAGE = Path(__file__).parents[3] / "docs/configuration/condor-sidecar.md"


def keys(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel) and kind not in APART:
            yield from keys(kind, f"{prefix}{name}.")
            continue
        yield prefix + name
        for part in get_args(kind):
            if isinstance(part, type) and issubclass(part, BaseModel) and part not in APART:
                yield from keys(part, f"{prefix}{name}.")


def test_every_key_is_on_the_page_and_every_key_there_exists() -> None:
    rows = [line.split("|")[1] for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    documented = {key for row in rows for key in re.findall(r"`([a-z_.]+)`", row)}
    assert documented == set(keys(Settings))
