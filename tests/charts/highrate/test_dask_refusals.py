"""What stops an upgrade that has Dask: each with a sentence and the YAML that makes an install of it."""

import json
from typing import Any

import pytest
from offload_backend.model.limits import GroupLimits, Limits, Place
from offload_backend.model.settings import Defaults, Scheduler
from offload_backend.model.settings import Settings as Gateway
from pydantic.alias_generators import to_camel
from relay.model.settings import Limits as RelayLimits
from service_runtime.settings import Section

from tests.charts.highrate.keys_given import ALL_KEYS
from tests.charts.refusals import assert_impossible_value, assert_unknown_key, remedied, remedies, the_only_problem
from tests.charts.rendering import HIGHRATE, Chart, Values, merged, read_values

from .test_refusals import MINIMAL

TWO_SITES = merged(read_values(HIGHRATE / "ci" / "two-sites-values.yaml"), ALL_KEYS)
# One site alone: the other would repeat what is wrong with both.
WITHOUT_GPU = {
    **TWO_SITES,
    "dask": {**TWO_SITES["dask"], "sites": {k: v for k, v in TWO_SITES["dask"]["sites"].items() if k != "gpu"}},
}
ENABLED = merged(MINIMAL, {"jupyterhub": {"custom": {"highrate": {"dask": {"enabled": True}}}}})
OFFLOAD = merged(
    ENABLED, {"jupyterhub": {"custom": {"highrate": {"catalogue": {"images": {"lab": {"offload": True}}}}}}}
)


def _dask(**changes: object) -> Values:
    return {"dask": changes}


UNKNOWN_KEYS = [
    _dask(enabled=True),
    _dask(sites={"one": {"nodeName": "x"}}),
    _dask(sites={"one": {"wallTime": {"max": "1h"}}}),
    _dask(limits={"worker_cores": 1}),
    _dask(groupLimits={"/a": {"worker": 1}}),
    _dask(relay={"limits": {"streams": 1}}),
    _dask(database={"url": "sqlite://"}),
]
IMPOSSIBLE_VALUES: list[tuple[Values, str]] = [
    (_dask(sites={"One": {}}), "One"),
    (_dask(sites={"one": {"wallTime": {"default": "1 h"}}}), "default"),
    (_dask(sites={"one": {"wallTime": {"maximum": "30m1h"}}}), "maximum"),
    (_dask(timing={"workerStart": ""}), "workerStart"),
    (_dask(timing={"idle": "1.5h"}), "idle"),
    (_dask(limits={"workers": 0}), "workers"),
    (_dask(relay={"url": "http://relay.example.org"}), "url"),
    (_dask(relay={"replicas": 0}), "replicas"),
    (_dask(namespace="Analysis"), "namespace"),
]
SENTENCES: list[tuple[Values, Values, str]] = [
    (ENABLED, {}, "dask.enabled and catalogue.images contradict"),
    (OFFLOAD, _dask(sites={"local": None}), "dask.sites is missing"),
    (OFFLOAD, _dask(defaults={"site": "cnaf"}), "dask.defaults.site and dask.sites contradict"),
    (OFFLOAD, _dask(sites={"local": {"groups": ["/a"]}}), "dask.defaults.site and dask.sites contradict"),
    (OFFLOAD, _dask(defaults={"workerCores": 9}), "dask.defaults.workerCores and dask.limits.workerCores contradict"),
    (OFFLOAD, _dask(limits={"workerMemory": 3}), "dask.defaults.workerMemory and dask.limits.workerMemory contradict"),
    (
        OFFLOAD,
        _dask(sites={"local": {"wallTime": {"default": "5m"}}}),
        "dask.sites.local.wallTime.default and how workers live contradict",
    ),
    (
        OFFLOAD,
        _dask(sites={"local": {"wallTime": {"default": "3d"}}}),
        "dask.sites.local.wallTime.default and wallTime.maximum contradict",
    ),
    (OFFLOAD, _dask(sites={"local": {"cvmfs": True}}), "dask.sites.local.cvmfs is set, but"),
    (
        OFFLOAD,
        _dask(database={"existingSecret": "a", "storage": {"existingClaim": "b"}}),
        "dask.database.existingSecret and dask.database.storage.existingClaim contradict",
    ),
    (
        TWO_SITES,
        _dask(sites={"local": {"node": "another", "wallTime": {"default": "1h"}, "reserved": 1}}),
        "dask.sites.local.node is set, but",
    ),
    (TWO_SITES, _dask(sites={"new": {"node": "site-new"}}), "dask.sites.new.wallTime is missing"),
    (TWO_SITES, _dask(sites={"gpu": {"reserved": 0.5}}), "dask.sites.gpu.reserved is set, but"),
    (WITHOUT_GPU, _dask(relay={"url": "", "replicas": 1}), "dask.relay.url is missing"),
    (WITHOUT_GPU, _dask(namespace=""), "dask.namespace is missing"),
    (
        WITHOUT_GPU,
        _dask(namespace="users"),
        "dask.namespace and the namespaces of site schedd contradict",
    ),
    (
        TWO_SITES,
        _dask(relay={"url": "https://relay.example.org"}),
        "dask.relay.url and dask.relay.replicas contradict",
    ),
    (
        TWO_SITES,
        _dask(relay={"service": {"nodePorts": [30443, 30444]}}),
        "dask.relay.service.nodePorts and dask.relay.service.type contradict",
    ),
    (
        TWO_SITES,
        _dask(relay={"existingTlsSecret": "tls", "service": {"type": "NodePort", "nodePorts": [30443]}}),
        "dask.relay.service.nodePorts and dask.relay.replicas contradict",
    ),
    (
        TWO_SITES,
        _dask(relay={"service": {"type": "NodePort", "nodePorts": [30443, 30444]}}),
        "dask.relay.existingTlsSecret is missing",
    ),
]


@pytest.mark.parametrize("changes", UNKNOWN_KEYS, ids=str)
def test_an_unknown_key_stops_the_upgrade(chart: Chart, changes: Values) -> None:
    assert_unknown_key(chart, merged(OFFLOAD, changes))


@pytest.mark.parametrize(("changes", "key"), IMPOSSIBLE_VALUES, ids=str)
def test_an_impossible_value_stops_the_upgrade_and_is_named(chart: Chart, changes: Values, key: str) -> None:
    assert_impossible_value(chart, merged(OFFLOAD, changes), key)


@pytest.mark.parametrize(("values", "changes", "sentence"), SENTENCES, ids=[case[2] for case in SENTENCES])
def test_a_sentence_says_what_is_wrong_and_what_to_write(
    chart: Chart, values: Values, changes: Values, sentence: str
) -> None:
    assert all(remedied(chart, merged(values, changes), sentence))


@pytest.mark.parametrize(("standard", "refused"), [("restricted", True), ("baseline", True), ("privileged", False)])
@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({}, "dask.sites.schedd.cvmfs and the namespace contradict"),
        (
            {
                "dask": {"sites": {"schedd": {"cvmfs": False}}},
                "jupyterhub": {"custom": {"highrate": {"cvmfs": {"mode": "hostPath", "claim": ""}}}},
            },
            "cvmfs.mode and dask.namespace contradict",
        ),
    ],
    ids=["site", "ordinary nodes"],
)
def test_a_folder_of_a_machine_is_refused_where_the_namespace_of_clusters_forbids_it(
    chart: Chart, standard: str, refused: bool, changes: Values, sentence: str
) -> None:
    """Only a cluster knows a namespace's labels: a template, parsed after the chart's, takes the place of `lookup`."""
    told = chart.folder / "templates" / "_aa-told.tpl"
    told.write_text('{{- define "highrate.dask.podSecurity" -}}' + standard + "{{- end -}}", encoding="utf-8")
    values = merged(TWO_SITES, changes)
    try:
        if refused:
            (remedy,) = remedies(the_only_problem(chart, values, sentence))
            values = merged(values, remedy)
        assert chart.render(values)
    finally:
        told.unlink()


def test_what_is_wrong_with_dask_is_of_no_interest_where_it_is_switched_off(chart: Chart) -> None:
    assert chart.render(merged(MINIMAL, _dask(defaults={"site": "nowhere"})))


@pytest.mark.parametrize(
    ("path", "model"),
    [
        ("limits", Limits),
        ("defaults", Defaults),
        ("sites.*", Place),
        ("groupLimits.*", GroupLimits),
        ("relay.limits", RelayLimits),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_keys_and_defaults_are_those_of_the_service(path: str, model: type[Section]) -> None:
    schema: Any = _schema()
    for name in path.split("."):
        schema = schema["additionalProperties"] if name == "*" else schema["properties"][name]
    keys = {to_camel(name): field for name, field in model.model_fields.items()}
    assert schema["properties"].keys() == keys.keys()
    for key, field in keys.items():
        default = schema["properties"][key].get("default")
        assert default is None or default == field.default, key


def test_defaults_that_the_chart_repeats_are_those_of_the_service() -> None:
    values = read_values(HIGHRATE / "values.yaml")["dask"]
    timing = Gateway.model_fields["timing"].default
    said = values["timing"]
    assert (said["clusterStart"], said["workerStart"], said["idle"]) == (
        timing.cluster_start,
        timing.worker_start,
        timing.idle,
    )
    assert {name: values["scheduler"][name] for name in ("cores", "reserved", "memory")} == Scheduler().model_dump()


def _schema() -> Values:
    whole = json.loads((HIGHRATE / "values.schema.json").read_text(encoding="utf-8"))
    found: Values = whole["properties"]["dask"]
    return found
