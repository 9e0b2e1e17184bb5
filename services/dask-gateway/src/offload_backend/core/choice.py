"""What a user asks of a cluster: a closed set of options, each within the offer, all that is wrong told at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from offload_backend.core import image_choice, user_environment
from offload_backend.core.image_choice import ChosenImage
from offload_backend.core.offer import Offer
from offload_backend.model.limits import SHORTEST_WALL_SECONDS, Place
from offload_backend.model.values import GIB, duration, seconds

OPTIONS = ("image", "worker_cores", "worker_memory", "site", "gpus", "environment", "wall_time")
_MOST_NAMES = 5  # of options that there are none of, in the answer
LEAST_MEMORY = 0.5  # GiB; a Dask worker without any data has 200 MB


class NotPossible(ValueError):
    """These options can't be had; the text, one line, says why and what can."""

    def __init__(self, sentences: Sequence[str]) -> None:
        self.sentences = tuple(sentences)
        # one line: it travels as the reason of an HTTP answer
        super().__init__(" ".join(" ".join(sentences).split()))


@dataclass(frozen=True)
class Choice:
    """What a cluster is made of."""

    image: ChosenImage
    worker_cores: int
    worker_memory: int
    """Bytes."""
    site: str
    gpus: int
    environment: Mapping[str, str]
    wall_seconds: int | None


def resolve(offer: Offer, options: Mapping[str, Any]) -> Choice:
    """The choice for `options`, those that are missing by default. Raises NotPossible with every reason."""
    # told by itself: there may be as many as fit into a request
    unknown = [str(name) for name in options if name not in OPTIONS]
    problems = [_unknown(unknown)] if unknown else []
    image = _image(offer, options.get("image"), problems)
    cores = _number("worker_cores", options, offer.defaults.worker_cores, (1, offer.limits.worker_cores), problems)
    memory = _memory(offer, options, problems)
    gpus = _number("gpus", options, 0, (0, offer.limits.gpus), problems)
    environment = options.get("environment") or {}
    problems += user_environment.objections(environment)
    site = options.get("site") or offer.defaults.site
    place = offer.sites.get(site) if isinstance(site, str) else None
    if place is None:
        problems.append(f"There is no site {str(site)[:60]!r} for you; there are: {', '.join(offer.sites)}.")
    wall = _wall_seconds(place, options.get("wall_time"), problems)
    if problems or image is None:
        raise NotPossible(problems)
    return Choice(image, cores, memory, site, gpus, dict(environment), wall)


def _unknown(names: Sequence[str]) -> str:
    told = ", ".join(repr(name[:40]) for name in names[:_MOST_NAMES])
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return f"There is no option {told}{more}; there are: {', '.join(OPTIONS)}."


def _image(offer: Offer, wanted: object, problems: list[str]) -> ChosenImage | None:
    if wanted is not None and not isinstance(wanted, str):
        problems.append("The option image is a text: a key of the catalogue or registry/project/name:tag.")
        return None
    return image_choice.choose(offer, wanted or "", problems)


def _number(name: str, options: Mapping[str, Any], default: int, span: tuple[int, int], problems: list[str]) -> int:
    value = options.get(name)
    value = default if value is None else value
    # True is an int for Python, 4.0 none: widgets send it
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        problems.append(f"The option {name} is a whole number.")
        return default
    if not span[0] <= value <= span[1]:
        problems.append(f"{name} is {value}; you may have {span[0]} to {span[1]}.")
    return value


def _memory(offer: Offer, options: Mapping[str, Any], problems: list[str]) -> int:
    most, value = offer.limits.worker_memory, options.get("worker_memory")
    value = offer.defaults.worker_memory if value is None else value
    if not isinstance(value, int | float) or isinstance(value, bool):
        problems.append("The option worker_memory is a number of GiB.")
        return GIB
    if not LEAST_MEMORY <= value <= most:
        problems.append(f"worker_memory is {value:g} GiB; you may have {LEAST_MEMORY:g} to {most}.")
        return GIB
    return int(value * GIB)


def _wall_seconds(place: Place | None, wanted: object, problems: list[str]) -> int | None:
    if place is None:
        return None
    if place.wall_time is None:
        if wanted:
            problems.append("Workers there live as long as their cluster; leave wall_time out.")
        return None
    if not wanted:
        return seconds(place.wall_time.default)
    most = seconds(place.wall_time.maximum)
    try:
        asked = seconds(wanted) if isinstance(wanted, str) else None
    except ValueError as error:
        problems.append(f"wall_time: {error}.")
        return None
    if asked is None:
        problems.append("The option wall_time is a text, as in '12h'.")
    elif not SHORTEST_WALL_SECONDS <= asked <= most:
        least = duration(SHORTEST_WALL_SECONDS)
        problems.append(f"wall_time is {wanted}; workers there may live {least} to {place.wall_time.maximum}.")
    return asked
