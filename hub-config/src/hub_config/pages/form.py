"""The form of the spawn page."""

from collections.abc import Mapping, Set

import jinja2

from hub_config.settings import Catalogue, Platform
from hub_config.spawn import catalogue as menu
from hub_config.spawn import options, policy

_TEMPLATES = jinja2.Environment(
    loader=jinja2.PackageLoader("hub_config", "pages/templates"), autoescape=True, undefined=jinja2.StrictUndefined
)


def render(platform: Platform, groups: Set[str], linked: object, remembered: object, typed: str = "") -> str:
    """HTML of the fields, for somebody in `groups`.

    `linked` (of a link, or of a form that was refused) wins over `remembered` (of the last start); of either, what can't be had
    any more isn't preselected. A reference that somebody `typed` and that was refused stays, to be corrected.
    """
    catalogue = platform.catalogue
    images = menu.visible(catalogue, groups)
    link = _possible(catalogue, groups, linked)
    last = _possible(catalogue, groups, remembered)
    if {"image", "reference"} & link.keys():
        last = {name: value for name, value in last.items() if name not in ("image", "reference")}
    chosen = {**last, **link}
    return _TEMPLATES.get_template("form.html").render(
        images=images,
        image=chosen.get("image") or menu.default_key(images),
        reference=typed or chosen.get("reference", ""),
        free=policy.offered(catalogue.free_image, groups),
        registries=catalogue.free_image.registries,
        cores=catalogue.cores,
        chosen_cores=chosen.get("cores", catalogue.defaults.cores),
        memory=catalogue.memory,
        chosen_memory=chosen.get("memory", catalogue.defaults.memory),
        home=_written(platform.home.capacity),
        scratch=_written(platform.scratch.limit),
    )


def _written(quantity: str) -> str:
    """A quantity of Kubernetes as people write it: `10Gi` is 10 GiB."""
    number = quantity.rstrip("KMGTik")
    return f"{number} {quantity.removeprefix(number)}B"


def _possible(catalogue: Catalogue, groups: Set[str], given: object) -> dict[str, object]:
    """Of `given`, each option that could be had by itself."""
    found: dict[str, object] = {}
    for name, value in given.items() if isinstance(given, Mapping) else ():
        try:
            options.resolve(catalogue, groups, options.parse({name: value}))
        except options.NotPossible:
            continue
        found[name] = value
    return found
