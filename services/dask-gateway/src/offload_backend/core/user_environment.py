"""Variables that a user gives to a cluster: names and sizes checked, what belongs to the platform refused."""

import re
from collections.abc import Mapping

MOST_VARIABLES = 100
LONGEST_VALUE = 4096
MOST_CHARACTERS = 32_768  # a pod is one object of at most a megabyte, and there are hundreds of them
RESERVED = (
    "DASK_GATEWAY_",
    "DASK_DISTRIBUTED__COMM__",
    "DASK_HIGHRATE__RELAY__",
    "HIGHRATE_",
    "JUPYTERHUB_",
    "KUBERNETES_",
)
RESERVED_NAMES = frozenset({"BEARER_TOKEN", "BEARER_TOKEN_FILE", "X509_USER_PROXY", "HOME", "XDG_RUNTIME_DIR"})
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")


def objections(given: object) -> list[str]:
    """What is wrong with the option `environment`, as sentences."""
    if not isinstance(given, Mapping):
        return ["The option environment holds names and values, as in {'XRD_LOGLEVEL': 'Info'}."]
    if len(given) > MOST_VARIABLES:
        return [f"The option environment holds {len(given)} variables; at most {MOST_VARIABLES} can be given."]
    found = []
    for name, value in given.items():
        shown = str(name)[:60]
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            found.append(f"{shown!r} is no name of a variable (environment): letters, digits and _, no digit first.")
        elif reserved(name):
            found.append(f"The variable {shown} belongs to the platform (environment): leave it out.")
        elif not isinstance(value, str) or "\0" in value:
            found.append(f"The variable {shown} is no text (environment): put it in quotes.")
        elif len(value) > LONGEST_VALUE:
            found.append(f"The variable {shown} has more than {LONGEST_VALUE} characters (environment).")
    if not found and sum(len(name) + len(value) for name, value in given.items()) > MOST_CHARACTERS:
        found.append(f"The option environment holds more than {MOST_CHARACTERS} characters together.")
    return found


def reserved(name: str) -> bool:
    """Whether users may not set the variable: it tells the platform's programs where to connect, or where secrets are."""
    upper = name.upper()  # Dask's configuration doesn't look at the case of its variables
    return upper.startswith(RESERVED) or upper in RESERVED_NAMES
