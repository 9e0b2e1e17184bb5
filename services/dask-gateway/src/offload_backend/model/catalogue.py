"""The hub's catalogue of images and its rules for images of people's own, as they stand in `jupyterhub.custom.highrate.catalogue`.

The hub checks these values as a whole; here only what matters to clusters is read, and the rest of a section is left aside, so that
a chart can hand over the same values to both.
"""

from typing import Self

import pydantic
from image_reference import ImageReference
from pydantic import ConfigDict, Field, field_validator, model_validator
from pydantic.alias_generators import to_camel


class HubSection(pydantic.BaseModel):
    """Keys are camelCase, as in Helm values; those that say nothing about clusters are not looked at."""

    model_config = ConfigDict(extra="ignore", frozen=True, alias_generator=to_camel, use_attribute_docstrings=True)


class Image(HubSection):
    image: str
    """The image's reference."""
    groups: list[str] = []
    """Who sees it: members of one of these groups; empty: everybody."""
    offload: bool = False
    """It has Dask: only such images can be those of clusters."""
    default: bool = False
    """Chosen where a cluster names no image; of several that a person sees, the first."""
    cvmfs_path: str = ""
    """Where the image lies unpacked on CVMFS: workers at a site start from there."""

    @field_validator("image")
    @classmethod
    def _is_reference(cls, value: str) -> str:
        ImageReference.parse(value)
        return value


class FreeImage(HubSection):
    enabled: bool = False
    """Users may name an image of their own."""
    registries: list[str] = []
    """Where it may come from; empty: anywhere."""
    groups: list[str] = []
    """Who may: members of one of these groups; empty: everybody."""
    deny_latest: bool = True
    """Refuse references that can be another image tomorrow."""


class Catalogue(HubSection):
    images: dict[str, Image] = Field(min_length=1)
    free_image: FreeImage = FreeImage()

    @model_validator(mode="after")
    def _has_dask(self) -> Self:
        if not self.free_image.enabled and not any(image.offload for image in self.images.values()):
            raise ValueError("no image has offload: true, so no cluster could be made; mark those that have Dask")
        return self
