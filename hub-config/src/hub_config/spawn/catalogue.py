"""What somebody sees of the catalogue."""

from collections.abc import Mapping, Set

from image_reference import ImageReference

from hub_config.auth.gate import is_member
from hub_config.settings import Catalogue, Image


def visible(catalogue: Catalogue, groups: Set[str]) -> dict[str, Image]:
    """The images for somebody in `groups`, by key, in the catalogue's order."""
    return {key: image for key, image in catalogue.images.items() if is_member(groups, image.groups)}


def at(catalogue: Catalogue, groups: Set[str], reference: ImageReference) -> Image | None:
    """The image of the catalogue that `reference` is, if somebody in `groups` sees one."""
    images = visible(catalogue, groups).values()
    return next((image for image in images if ImageReference.parse(image.image) == reference), None)


def is_of_others(catalogue: Catalogue, groups: Set[str], reference: ImageReference) -> bool:
    """Whether an image lies where one of the catalogue does that somebody in `groups` doesn't see."""
    seen = visible(catalogue, groups)
    hidden = (image for key, image in catalogue.images.items() if key not in seen)
    return any(ImageReference.parse(image.image).place == reference.place for image in hidden)


def default_key(images: Mapping[str, Image]) -> str | None:
    """The key of the image that is chosen for those who never chose; None where there are no images."""
    return next((key for key, image in images.items() if image.default), next(iter(images), None))
