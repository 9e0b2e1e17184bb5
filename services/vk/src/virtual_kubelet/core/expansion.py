"""`$(NAME)` references in text, by the rules of Kubernetes (its forked golang/expansion, as documented for env and args)."""

import re
from collections.abc import Callable

# a name is whatever stands before the next closing parenthesis, as in the original
_REFERENCE = re.compile(r"\$(?:\$|\(([^)]*)\))")


def expand(text: str, lookup: Callable[[str], str | None]) -> str:
    """`$(NAME)` becomes lookup(NAME), `$$` becomes `$`; an unknown name, or a lone `$`, stays as it stands."""

    def replaced(match: re.Match[str]) -> str:
        if match.group() == "$$":
            return "$"
        value = lookup(match.group(1))
        return match.group() if value is None else value

    return _REFERENCE.sub(replaced, text)


def references(text: str) -> set[str]:
    """The names that `text` refers to."""
    return {match.group(1) for match in _REFERENCE.finditer(text) if match.group() != "$$"}
