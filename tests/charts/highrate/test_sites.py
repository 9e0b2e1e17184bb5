"""A site of the platform's chart is what charts/virtual-node makes, with what it leaves out taken from the platform."""

import json
from typing import Any

from tests.charts.highrate.keys_given import ALL_KEYS
from tests.charts.navigation import one, workloads
from tests.charts.rendering import HIGHRATE, Chart, Object, Release, Values, merged, read_values

# the chart would make others every time
TWO_SITES = merged(read_values(HIGHRATE / "ci" / "two-sites-values.yaml"), ALL_KEYS)
FROM_THE_CHART = ("helm.sh/chart", "app.kubernetes.io/instance")


def test_a_site_is_made_of_the_same_objects(highrate: Chart, virtual_node: Chart) -> None:
    for key, site in TWO_SITES["sites"].items():
        shared: Values = {"caBundle": {"existingConfigMap": "highrate-ca"}}
        if "image" not in site:
            shared["image"] = TWO_SITES["image"]
        alone = virtual_node.render(merged(shared, site), Release(f"site-one-{key}"))
        together = _by_name(highrate.render(TWO_SITES))
        assert alone
        for name, obj in _by_name(alone).items():
            assert together[name] == obj, name


def test_the_platform_s_image_and_authorities_are_a_site_s_that_has_none(chart: Chart) -> None:
    objects = chart.render(TWO_SITES)
    images = {w.object["metadata"]["name"]: w.containers[0]["image"] for w in workloads(objects)}
    assert images["site-one-schedd-vk"] == "registry.example.org/highrate/services:1.2.3" == images["tokens"]
    assert images["site-one-remote-vk"] == "registry.example.org/other/services:4.5.6"
    for name in ("-schedd-edge", "-remote-vk"):
        volumes = next(w for w in workloads(objects) if w.name.endswith(name)).pod["volumes"]
        assert {"name": "highrate-ca", "items": [{"key": "ca.crt", "path": "ca.crt"}]} in [
            volume.get("configMap") for volume in volumes
        ]
    assert one(objects, "ConfigMap", "highrate-ca")


def test_a_site_with_an_image_of_its_own_takes_nothing_of_the_platform_s(chart: Chart) -> None:
    """Another repository with the platform's digest would be no image."""
    values = merged(TWO_SITES, {"image": {"digest": f"sha256:{'0' * 64}"}})
    (vk,) = [w for w in workloads(chart.render(values)) if w.name.endswith("remote-vk")]
    assert vk.containers[0]["image"] == "registry.example.org/other/services:4.5.6"


def _by_name(objects: list[Object]) -> dict[tuple[str, str], Any]:
    found = {}
    for obj in objects:
        text = json.dumps(obj)
        copy = json.loads(text)
        _without_labels(copy)
        found[obj["kind"], f"{obj['metadata'].get('namespace')}/{obj['metadata']['name']}"] = copy
    return found


def _without_labels(value: Any) -> None:
    """Without the labels that say which chart and release it was."""
    if isinstance(value, dict):
        for name in FROM_THE_CHART:
            value.pop(name, None)
        for below in value.values():
            _without_labels(below)
    elif isinstance(value, list):
        for below in value:
            _without_labels(below)
