"""Which images of their own users may start."""

from collections.abc import Set

from image_reference import ImageReference

from hub_config.auth.gate import is_member
from hub_config.settings import FreeImage


def offered(policy: FreeImage, groups: Set[str]) -> bool:
    """Whether somebody in `groups` may name an image at all."""
    return policy.enabled and is_member(groups, policy.groups)


def objections(policy: FreeImage, groups: Set[str], text: str) -> list[str]:
    """Why the image `text` can't be started by somebody in `groups`: sentences, none if it can."""
    if not policy.enabled:
        return ["Images other than those of the catalogue can't be started here."]
    if not offered(policy, groups):
        return [f"Only members of {' or '.join(policy.groups)} may start images of their own."]
    try:
        reference = ImageReference.parse(text)
    except ValueError as error:
        return [f"The image {error}."]
    found = []
    if policy.registries and not reference.lies_in(policy.registries):
        found.append(f"Images may come from {', '.join(policy.registries)} only, not from {reference.registry}.")
    if policy.deny_latest and reference.moves:
        found.append(f'"{text}" can be another image tomorrow; name a tag other than latest, or a digest.')
    return found
