"""What somebody may choose from: the images, sites and limits that are left of the settings for the groups of a user."""

from collections.abc import Mapping, Set
from dataclasses import dataclass

from image_reference import ImageReference

from offload_backend.model.catalogue import FreeImage, Image
from offload_backend.model.limits import GroupLimits, Limits, Place
from offload_backend.model.settings import Defaults, Settings
from offload_backend.model.values import is_member, normalised


@dataclass(frozen=True)
class Offer:
    """The choice of one user."""

    images: Mapping[str, Image]
    """Of the catalogue, by key, those that the user sees, whether they have Dask or not."""
    hidden: frozenset[tuple[str, str]]
    """Registry and repository of the catalogue's other images."""
    free_image: FreeImage
    groups: frozenset[str]
    sites: Mapping[str, Place]
    limits: Limits
    defaults: Defaults


def offer(settings: Settings, groups: Set[str]) -> Offer:
    """What a user in `groups`, as the hub spells them, may choose."""
    mine = frozenset(normalised(group) for group in groups)
    images = settings.catalogue.images
    seen = {key: image for key, image in images.items() if is_member(mine, image.groups)}
    return Offer(
        images=seen,
        hidden=frozenset(ImageReference.parse(i.image).place for key, i in images.items() if key not in seen),
        free_image=settings.catalogue.free_image,
        groups=mine,
        sites={name: place for name, place in settings.sites.items() if is_member(mine, place.groups)},
        limits=limits_of(settings.limits, settings.group_limits, mine),
        defaults=settings.defaults,
    )


def limits_of(everybody: Limits, by_group: Mapping[str, GroupLimits], groups: Set[str]) -> Limits:
    """Of each limit the largest of those that apply to somebody in `groups` (normalised)."""
    applying = [limits for group, limits in by_group.items() if normalised(group) in groups]
    largest = {
        name: max(getattr(everybody, name), *(getattr(limits, name) or 0 for limits in applying), 0)
        for name in Limits.model_fields
    }
    return Limits(**largest)
