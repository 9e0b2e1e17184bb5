"""Kinds of values in the configuration that more than a type decides about, checked where they are written.

The same rules hold at a create: a value that only fails there would refuse every pod, or let one do what nobody meant.
"""

import posixpath
import re
from collections.abc import Mapping
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from condor_sidecar.core.compile import quantity
from condor_sidecar.core.compile.annotations import READERS
from condor_sidecar.core.compile.resources import GPUS
from condor_sidecar.core.compile.site_volume import PLACEHOLDERS
from condor_sidecar.core.compile.submit import UnsafeSubmit, checked

_RESOURCE: Final = re.compile(r"([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")


def _quantity(text: str) -> str:
    if quantity.parse(text) < 0:
        raise ValueError(f'"{text}" is negative')
    return text


def _count(text: str) -> str:
    amount = quantity.parse(text)
    if amount < 0 or amount != amount.to_integral_value():
        raise ValueError(f'"{text}" is not a whole number')
    return text


def _resource(name: str) -> str:
    if not _RESOURCE.fullmatch(name):
        raise ValueError(f'"{name}" is not the name of a resource: write one such as nvidia.com/gpu')
    return name


def _absolute(path: str) -> str:
    if not path.startswith("/") or ".." in path.split("/"):
        raise ValueError(f'"{path}" is not an absolute path without "..": write one such as /cvmfs')
    return posixpath.normpath("/" + path.lstrip("/"))


def _site_path(path: str) -> str:
    """A path with placeholders, each a whole part of it: a name can't lead out of what stands before it."""
    parts = _absolute(path).split("/")
    unknown = [part for part in parts if ("{" in part or "}" in part) and part.strip("{}") not in PLACEHOLDERS]
    inside = [part for part in parts if "{" in part and not re.fullmatch(r"\{[a-z]+\}", part)]
    if unknown or inside:
        names = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
        raise ValueError(f'"{(unknown or inside)[0]}" is no placeholder: use {names}, each between two slashes')
    return _absolute(path)


def _annotation(name: str) -> str:
    if name not in READERS:
        raise ValueError(f'"{name}" is no annotation of this endpoint (known: {", ".join(READERS)})')
    return name


def _submit(lines: Mapping[str, str]) -> Mapping[str, str]:
    problems = []
    for key, value in lines.items():
        try:
            checked({key: value})
        except UnsafeSubmit as error:
            problems.append(str(error))
    if problems:
        raise ValueError("; ".join([*problems, "no key but a plain name, no value with a $ or a control character"]))
    return lines


def _gpus(lines: Mapping[str, str]) -> Mapping[str, str]:
    for name, expression in lines.items():
        if name not in GPUS:
            raise ValueError(f'"{name}" is no GPU that pods may ask for: use {" or ".join(GPUS)}')
        _submit({"require_gpus": expression})
    return lines


def _channel_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "wss" or not parts.hostname or parts.username or parts.fragment:
        raise ValueError(
            f'"{url}" is no address that jobs can dial: write one such as wss://edge.example.org:443/job-channel'
        )
    return url


Quantity = Annotated[str, AfterValidator(_quantity)]
Count = Annotated[str, AfterValidator(_count)]
ResourceName = Annotated[str, AfterValidator(_resource)]
Positive = Annotated[int, Field(gt=0)]
AbsolutePath = Annotated[str, AfterValidator(_absolute)]
GpuLines = Annotated[Mapping[str, str], AfterValidator(_gpus)]
SubmitLines = Annotated[Mapping[str, str], AfterValidator(_submit)]
ChannelUrl = Annotated[str, AfterValidator(_channel_url)]
Annotation = Annotated[str, AfterValidator(_annotation)]
SitePath = Annotated[str, AfterValidator(_site_path)]
Host = Annotated[str, Field(pattern=r"^[^\s,;$]+$")]
