"""What may be asked of a server: a closed set of options, from the form, a link, or the REST API.

JupyterHub hands a REST request's body to the spawner as it is. Whatever isn't understood here starts nothing.
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Annotated

import pydantic
from image_reference import ImageReference
from pydantic import ConfigDict, Field

from hub_config.settings import Catalogue, Image
from hub_config.spawn import catalogue as menu
from hub_config.spawn import policy


class NotPossible(ValueError):
    """These options can't be had; `sentences` say why, and what can."""

    def __init__(self, sentences: Sequence[str]) -> None:
        self.sentences = tuple(sentences)
        super().__init__(" ".join(sentences))


Text = Annotated[str, Field(min_length=1, max_length=600)]
Number = Annotated[int, Field(gt=0, lt=10_000)]
# Of names that aren't ours, how many are told, and how much of each.
_MOST_NAMES = 5
_LONGEST_NAME = 40


class Options(pydantic.BaseModel):
    """All that can be chosen; what is left out is the platform's default. The same names everywhere."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)

    image: Text | None = None
    """Key of an image of the catalogue."""
    reference: Text | None = None
    """Reference of an image of the user's own, instead of `image`."""
    cores: Number | None = None
    memory: Number | None = None
    """GiB."""


@dataclass(frozen=True)
class Session:
    """What is started."""

    image: str
    cores: int
    memory: int
    offload: bool
    """Whether it is told where the Dask gateway is."""


def parse(given: object) -> Options:
    """The body of a REST request, or what the hub remembers. Raises NotPossible."""
    if not isinstance(given, Mapping):
        raise NotPossible(["The options of a server are a JSON object."])
    # told by itself: there may be as many as fit into a request
    unknown = [str(name) for name in given if name not in Options.model_fields]
    problems = [_unknown(unknown)] if unknown else []
    try:
        options = Options.model_validate({name: value for name, value in given.items() if name in Options.model_fields})
    except pydantic.ValidationError as error:
        raise NotPossible([*problems, *(_sentence(str(entry["loc"][0])) for entry in error.errors())]) from error
    if problems:
        raise NotPossible(problems)
    return options


def from_form(form: Mapping[str, Sequence[object]]) -> dict[str, object]:
    """What the spawn page sends, as options; fields left empty are no choice. Raises NotPossible."""
    chosen: dict[str, object] = {}
    for name, values in form.items():
        value = values[-1] if values else ""
        if name == "_xsrf" or value == "":
            continue
        if name in ("cores", "memory"):
            # isdecimal: int() would take "+4", " 4" and "4_0"
            chosen[name] = int(value) if isinstance(value, str) and len(value) < 6 and value.isdecimal() else value
        else:
            chosen[name] = value
    return parse(chosen).model_dump(exclude_none=True)


def resolve(catalogue: Catalogue, groups: Set[str], options: Options) -> Session:
    """What somebody in `groups` gets for `options`. Raises NotPossible with every reason."""
    problems: list[str] = []
    cores = _one_of("cores", options.cores, catalogue.defaults.cores, catalogue.cores, problems)
    memory = _one_of("GB of memory", options.memory, catalogue.defaults.memory, catalogue.memory, problems)
    if options.reference is not None:
        if options.image is not None:
            problems.append("Choose an image of the catalogue (image) or one of your own (reference), not both.")
        problems += policy.objections(catalogue.free_image, groups, options.reference)
        if problems:
            raise NotPossible(problems)
        reference = ImageReference.parse(options.reference)
        if menu.is_of_others(catalogue, groups, reference):
            raise NotPossible([f"The image {reference} can't be started by you here."])
        listed = menu.at(catalogue, groups, reference)
        # of an image that isn't ours nobody knows whether it has Dask; if not, the variables hurt nobody
        # what was judged, not what was typed: a node may complete a short name with another registry
        return Session(str(reference), cores, memory, offload=listed is None or listed.offload)
    image = _image(catalogue, groups, options.image, problems)
    if problems or image is None:
        raise NotPossible(problems)
    return Session(image.image, cores, memory, image.offload)


def _image(catalogue: Catalogue, groups: Set[str], key: str | None, problems: list[str]) -> Image | None:
    visible = menu.visible(catalogue, groups)
    wanted = key or menu.default_key(visible)
    if wanted is None:
        problems.append("No image of the catalogue is for a group of yours.")
        return None
    if wanted not in visible:
        # the same words for an image of others and for none: the catalogue of a group is its own business
        problems.append(f"There is no image {wanted!r} for you; there are: {', '.join(visible) or 'none'}.")
        return None
    return visible[wanted]


def _one_of(what: str, wanted: int | None, default: int, offered: Iterable[int], problems: list[str]) -> int:
    value = default if wanted is None else wanted
    offered = list(offered)
    if value not in offered:
        problems.append(f"{value} {what} can't be had; choose one of {', '.join(map(str, offered))}.")
    return value


def _unknown(names: Sequence[str]) -> str:
    told = ", ".join(repr(name[:_LONGEST_NAME]) for name in names[:_MOST_NAMES])
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return f"There is no option {told}{more}; there are: {', '.join(Options.model_fields)}."


def _sentence(name: str) -> str:
    if name in ("cores", "memory"):
        return f"The option {name} is a whole number."
    return f"The option {name} is a text of 1 to 600 characters."
