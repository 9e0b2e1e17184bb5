"""References to environment variables in a container's command and arguments, as a kubelet expands them.

`$(NAME)` becomes the variable's value, or stays as it is if there is none; `$$` becomes `$`, so that `$$(NAME)` gives `$(NAME)`.
Everything else, a lone `$` included, is left alone. Values are not expanded again.
"""

import re
from collections.abc import Mapping

REFERENCE = re.compile(r"\$(?:(?P<dollar>\$)|\((?P<name>[^)]*)\))")


def references(text: str) -> set[str]:
    """The names that `text` refers to."""
    return {found["name"] for found in REFERENCE.finditer(text) if not found["dollar"]}


def expand(text: str, variables: Mapping[str, str]) -> str:
    """`text` with the references to `variables` replaced."""

    def replacement(found: re.Match[str]) -> str:
        if found["dollar"]:
            return "$"
        return variables.get(found["name"], found[0])

    return REFERENCE.sub(replacement, text)
