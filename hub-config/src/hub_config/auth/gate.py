"""Groups: what the provider says about a person, and whether that is enough. Pure decisions."""

from collections.abc import Collection, Iterable, Mapping, Set

# WLCG's token profile has the first one, INDIGO IAM's own the second; IAM leaves a claim out when there are no groups.
GROUP_CLAIMS = ("wlcg.groups", "groups")


def normalised(group: str) -> str:
    """`icsc/admins`, `/icsc/admins/` and `/icsc/admins` are the same group; the last is how we write it."""
    return "/" + group.strip().strip("/")


def normalised_all(groups: Iterable[str]) -> frozenset[str]:
    return frozenset(normalised(group) for group in groups if group.strip().strip("/"))


def groups_of(claims: Mapping[str, object]) -> frozenset[str]:
    """The groups in userinfo or in a token. What isn't a list of names is no membership."""
    found: set[str] = set()
    for claim in GROUP_CLAIMS:
        value = claims.get(claim)
        if isinstance(value, list | tuple):
            found |= {name for name in value if isinstance(name, str)}
    return normalised_all(found)


def is_member(groups: Set[str], wanted: Collection[str]) -> bool:
    """Whether one of `groups` is among `wanted`; nothing wanted: everybody is."""
    return not wanted or bool(groups & normalised_all(wanted))
