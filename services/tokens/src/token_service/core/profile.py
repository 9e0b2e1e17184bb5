"""Which profile a call asks for."""

from collections.abc import Mapping, Sequence

from token_service.model.refusal import Outcome, Refusal
from token_service.model.settings import Profile

_LONGEST_SHOWN = 100


def chosen(asked: Sequence[str], profiles: Mapping[str, Profile], default: str) -> str:
    """The name of the profile, for the values of the parameter `profile`. Raises Refusal."""
    if len(asked) > 1:
        raise Refusal(
            Outcome.BAD_REQUEST, "The parameter profile is given more than once; ask for one token at a time."
        )
    name = asked[0] if asked else default
    if name not in profiles:
        raise Refusal(
            Outcome.UNKNOWN_PROFILE,
            f"There is no profile {name[:_LONGEST_SHOWN]!a}; there are: {', '.join(sorted(profiles))}.",
            # without its name: somebody may have put a token there
            reason="an unknown profile",
        )
    return name
