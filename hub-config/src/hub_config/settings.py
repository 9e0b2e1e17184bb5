"""The values under `jupyterhub.custom.highrate`: closed, checked as a whole.

A key that nobody reads doesn't pass, and every problem is told in one go: a hub that restarts for each spelling mistake costs an
evening. The chart describes the same keys for its reference and its JSON schema (charts/highrate/values.source.yaml, of which
charts/reference.py makes both); a test compares the two.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self

import pydantic
from image_reference import ImageReference
from pydantic import ConfigDict, Field, StringConstraints, field_validator, model_validator
from pydantic.alias_generators import to_camel

Quantity = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]*(Ki|Mi|Gi|Ti|k|M|G|T)?$")]
AbsolutePath = Annotated[str, StringConstraints(pattern=r"^/[^\s:]*[^\s:/]$")]
ImageKey = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$")]
AccessMode = Literal["ReadWriteOnce", "ReadWriteOncePod", "ReadWriteMany"]
Fraction = Annotated[float, Field(gt=0, le=1)]
Count = Annotated[int, Field(gt=0)]


class Section(pydantic.BaseModel):
    """Keys are camelCase, as everywhere in Helm values; an unknown one is an error."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, alias_generator=to_camel, use_attribute_docstrings=True
    )


class Image(Section):
    title: str = Field(min_length=1)
    """What the card on the spawn page is headed with."""
    description: str = ""
    """One or two sentences on the card."""
    image: str
    """The image's reference, with a tag or a digest."""
    groups: list[str] = []
    """Who sees it: members of one of these groups; empty: everybody."""
    offload: bool = False
    """It has the Dask client and can be the image of workers at a site."""
    default: bool = False
    """Chosen for those who never chose; of several that a person sees, the first."""
    cvmfs_path: str = Field(default="", pattern=r"^(/cvmfs/.+)?$")
    """Where the image lies unpacked on CVMFS: workers at a site start from there."""

    @field_validator("image")
    @classmethod
    def _pinned(cls, value: str) -> str:
        reference = ImageReference.parse(value)
        if reference.moves:
            raise ValueError(f'"{value}" can be another image tomorrow; name a tag other than latest, or a digest')
        return value


class Defaults(Section):
    cores: Count = 2
    """Chosen for those who never chose; one of catalogue.cores."""
    memory: Count = 4
    """Chosen for those who never chose, in GiB; one of catalogue.memory."""


class Guarantee(Section):
    cores: Fraction = 0.1
    """The part of the chosen cores that is reserved; the rest is there when nobody else needs it."""
    memory: Fraction = 0.5
    """The part of the chosen memory that is reserved."""


class FreeImage(Section):
    enabled: bool = False
    """Users may name an image of their own."""
    registries: list[str] = []
    """Where it may come from: `registry.example.org` or `registry.example.org/project`; empty: anywhere."""
    groups: list[str] = []
    """Who may: members of one of these groups; empty: everybody."""
    deny_latest: bool = True
    """Refuse `latest` and references without tag and digest: their content changes between two starts."""


class Catalogue(Section):
    images: dict[ImageKey, Image] = Field(min_length=1)
    """The images to choose from, in this order."""
    cores: list[Count] = Field(default=[1, 2, 4, 8], min_length=1)
    """How many cores can be chosen."""
    memory: list[Count] = Field(default=[2, 4, 8, 16], min_length=1)
    """How much memory can be chosen, in GiB."""
    defaults: Defaults = Defaults()
    guarantee: Guarantee = Guarantee()
    free_image: FreeImage = FreeImage()

    @model_validator(mode="after")
    def _defaults_can_be_chosen(self) -> Self:
        for name, offered in (("cores", self.cores), ("memory", self.memory)):
            wanted = getattr(self.defaults, name)
            if wanted not in offered:
                raise ValueError(f"defaults.{name} is {wanted}, which is not one of {name}: {offered}")
        return self


class Home(Section):
    capacity: Quantity = "10Gi"
    """Size of the volume that each user gets once and keeps; named servers share it."""
    storage_class: str = ""
    """StorageClass of the volume; empty: the cluster's default."""
    access_modes: list[AccessMode] = Field(default=["ReadWriteOnce"], min_length=1)
    """Of the volumes that are made from then on. A user's named servers share one: on several nodes with ReadWriteMany."""
    mount_path: AbsolutePath = "/home/jovyan"
    """Where it is in the session, and HOME."""
    uid: Count = 1000
    """The user id of every session."""
    gid: Count = 100
    """The group id of every session, and of the volume's files."""


class Scratch(Section):
    limit: Quantity = "20Gi"
    """How much /scratch holds; what is in it is gone when the session ends."""


class Cvmfs(Section):
    mode: Literal["none", "pvc", "hostPath"] = "none"
    """How /cvmfs comes into the session: not, from a claim (cvmfs-csi's or an administrator's), or from the node."""
    claim: str = ""
    """Mode pvc: the name of the claim in the hub's namespace."""
    path: AbsolutePath = "/cvmfs"
    """Mode hostPath: the folder of the node."""
    grid_security: str = Field(default="/cvmfs/grid.cern.ch/etc/grid-security", pattern=r"^(/.+)?$")
    """Where certificates of grid authorities and VOMS settings are, told to the session's programs; empty: not told."""

    @model_validator(mode="after")
    def _claim_where_needed(self) -> Self:
        if (self.mode == "pvc") != bool(self.claim):
            raise ValueError("claim names the volume of mode pvc: give both, or neither")
        return self


class Tokens(Section):
    url: str = Field(default="", pattern=r"^(https://\S+)?$")
    """Address of the token service; empty: sessions get no tokens."""
    ca_config_map: str = ""
    """ConfigMap whose key ca.crt verifies the service; empty: the image's own authorities."""
    profile: str = ""
    """The token that a session gets first; empty: the service's default."""


class Dask(Section):
    enabled: bool = False
    """Sessions whose image has the Dask client find a gateway."""
    url: str = Field(default="", pattern=r"^(https?://\S+)?$")
    """Where they find it; without it they find none."""


class Access(Section):
    request_url: str = Field(default="", pattern=r"^(https?://\S+)?$")
    """Where somebody asks for membership of a group, linked on the page that refuses them; empty: the issuer's page."""
    contact: str = ""
    """Whom to ask, shown on the same page: an e-mail address or a sentence."""


class Platform(Section):
    """`jupyterhub.custom.highrate`."""

    catalogue: Catalogue
    home: Home = Home()
    scratch: Scratch = Scratch()
    cvmfs: Cvmfs = Cvmfs()
    tokens: Tokens = Tokens()
    dask: Dask = Dask()
    access: Access = Access()


class ConfigurationError(ValueError):
    """The hub can't start with these values; the text lists every problem with its key path."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        lines = "\n".join(f"  - {problem}" for problem in self.problems)
        super().__init__(f"the values can't be used, {len(self.problems)} problem(s):\n{lines}")


SOURCE = "jupyterhub.custom.highrate"


def parse(data: object) -> Platform:
    """The values as a model. Raises ConfigurationError."""
    if not isinstance(data, Mapping):
        raise ConfigurationError([f"{SOURCE}: required, but missing; give at least {SOURCE}.catalogue.images"])
    try:
        return Platform.model_validate(dict(data))
    except pydantic.ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
    raise ConfigurationError([_problem(entry["loc"], entry["type"], entry["msg"]) for entry in found])


def json_schema() -> dict[str, Any]:
    """The schema of `jupyterhub.custom.highrate`, which the chart's is compared with."""
    return Platform.model_json_schema(by_alias=True)


def _problem(where: tuple[int | str, ...], kind: str, message: str) -> str:
    path = SOURCE
    for part in where:
        path += f"[{part}]" if isinstance(part, int) else "" if part == "[key]" else f".{part}"
    if kind == "extra_forbidden":
        return f"{path}: unknown key; remove it or correct its spelling"
    if kind == "missing":
        return f"{path}: required, but missing"
    return f"{path}: {re.sub('^Value error, ', '', message)}"
