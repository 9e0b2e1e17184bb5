"""Which image a cluster gets: the one that its user asks for, if the user could start a session of it."""

from dataclasses import dataclass

from image_reference import ImageReference

from offload_backend.core.offer import Offer
from offload_backend.model.catalogue import Image
from offload_backend.model.values import is_member


@dataclass(frozen=True)
class ChosenImage:
    """`reference` for ordinary nodes, `at_sites` for jobs: where it lies unpacked, if it does."""

    reference: str
    at_sites: str


def choose(offer: Offer, wanted: str, problems: list[str]) -> ChosenImage | None:
    """The image for `wanted`: a key of the catalogue, a reference, the path of an unpacked one, or nothing.

    None after adding a sentence to `problems`.
    """
    if not wanted:
        return _default(offer, problems)
    listed = _listed(offer, wanted)
    if listed is not None:
        if not listed.offload:
            able = ", ".join(key for key, image in offer.images.items() if image.offload)
            problems.append(f"The image {wanted!r} has no Dask. These have: {able or 'none'}.")
            return None
        return _of_catalogue(listed)
    return _of_user(offer, wanted, problems)


def _default(offer: Offer, problems: list[str]) -> ChosenImage | None:
    able = [image for image in offer.images.values() if image.offload]
    found = next((image for image in able if image.default), next(iter(able), None))
    if found is None:
        problems.append("No image of the catalogue with Dask is for a group of yours; name one of your own (image).")
        return None
    return _of_catalogue(found)


def _listed(offer: Offer, wanted: str) -> Image | None:
    for key, image in offer.images.items():
        if wanted in (key, image.image) or (image.cvmfs_path and wanted == image.cvmfs_path):
            return image
    try:
        reference = ImageReference.parse(wanted)
    except ValueError:
        return None
    same = (image for image in offer.images.values() if ImageReference.parse(image.image) == reference)
    return next(same, None)


def _of_catalogue(image: Image) -> ChosenImage:
    return ChosenImage(image.image, image.cvmfs_path or image.image)


def _of_user(offer: Offer, wanted: str, problems: list[str]) -> ChosenImage | None:
    found = _objections(offer, wanted)
    problems += found
    if found:
        return None
    # what was judged, not what was typed: a node may complete a short name with another registry
    reference = str(ImageReference.parse(wanted))
    return ChosenImage(reference, reference)


def _objections(offer: Offer, wanted: str) -> list[str]:
    policy = offer.free_image
    able = ", ".join(key for key, image in offer.images.items() if image.offload) or "none"
    if not policy.enabled:
        return [f"There is no image {wanted[:80]!r} for you; there are: {able}."]
    if not is_member(offer.groups, policy.groups):
        return [f"Only members of {' or '.join(policy.groups)} may use images of their own; there are: {able}."]
    try:
        reference = ImageReference.parse(wanted)
    except ValueError as error:
        return [f"The image {error}."]
    if reference.place in offer.hidden:
        return [f"The image {reference} can't be used by you here."]
    found = []
    if policy.registries and not reference.lies_in(policy.registries):
        found.append(f"Images may come from {', '.join(policy.registries)} only, not from {reference.registry}.")
    if policy.deny_latest and reference.moves:
        found.append(f'"{wanted}" can be another image tomorrow; name a tag other than latest, or a digest.')
    return found
