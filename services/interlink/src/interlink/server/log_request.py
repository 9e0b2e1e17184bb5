"""Which log requests are answered: names that are names, options that do not contradict each other."""

import re

from interlink.protocol.types import ZERO_TIME, LogRequest

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def problems_of(request: LogRequest) -> list[str]:
    """What is wrong with a log request; empty if it can be passed on (interLink 0.6 answers 400 otherwise)."""
    options = request.Opts
    checks = [
        (not _LABEL.fullmatch(request.Namespace), f'Namespace "{request.Namespace}" is no DNS label'),
        (
            bool(request.ContainerName) and not _LABEL.fullmatch(request.ContainerName),
            f'ContainerName "{request.ContainerName}" is no DNS label',
        ),
        (not _UID.fullmatch(request.PodUID), f'PodUID "{request.PodUID}" is no lower-case UUID'),
        (
            options.Tail < 0 or options.Bytes < 0 or options.SinceSeconds < 0,
            "Tail, Bytes and SinceSeconds can't be negative",
        ),
        (options.Tail != 0 and options.Bytes != 0, "Tail and Bytes exclude each other"),
        (
            options.SinceSeconds != 0 and options.SinceTime not in ("", ZERO_TIME),
            "SinceSeconds and SinceTime exclude each other",
        ),
    ]
    return [message for wrong, message in checks if wrong]
