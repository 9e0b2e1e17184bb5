"""What stops an upgrade: unknown keys by the schema, missing or contradictory values by a sentence with the YAML to write."""

import re
from pathlib import Path

import pytest

from tests.charts.highrate.hub import assert_every_volume_is_mounted
from tests.charts.highrate.keys_given import ALL_KEYS, TOKENS_CERTIFICATE
from tests.charts.refusals import (
    assert_impossible_value,
    assert_unknown_key,
    refusal,
    remedied,
    remedies,
)
from tests.charts.rendering import HIGHRATE, WITH_MONITORS, Chart, Values, merged, read_values

FILE = read_values(HIGHRATE / "ci" / "minimal-values.yaml")
WITHOUT_IMAGES = {**FILE, "jupyterhub": {key: below for key, below in FILE["jupyterhub"].items() if key != "custom"}}
MINIMAL = merged(FILE, TOKENS_CERTIFICATE)
TWO_SITES = merged(read_values(HIGHRATE / "ci" / "two-sites-values.yaml"), ALL_KEYS)
SITE = TWO_SITES["sites"]["remote"]


def _hub(**changes: object) -> Values:
    return {"jupyterhub": {"hub": changes}}


def _iam(**changes: object) -> Values:
    return _hub(config={"IAMAuthenticator": changes})


def _https(**changes: object) -> Values:
    return {"jupyterhub": {"proxy": {"https": changes}}}


def _singleuser(**changes: object) -> Values:
    return {"jupyterhub": {"singleuser": changes}}


def _users(**changes: object) -> Values:
    return {"jupyterhub": {"custom": {"highrate": changes}}}


LAB = {"title": "JupyterLab", "image": "registry.example.org/lab:1"}

UNKNOWN_KEYS: list[Values] = [
    {"imagee": {}},
    {"tokens": {"replica": 1}},
    {"tokens": {"profiles": {"one": {"scope": "a", "scopes": "a"}}}},
    {"sites": {"one": {"nodename": "x"}}},
    {"networkPolicy": {"enable": True}},
    {"metrics": {"dashboards": {"label": {}}}},
    _users(homes={}),
    _users(home={"size": "1Gi"}),
    _users(catalogue={"image": {}}),
    _users(catalogue={"images": {"lab": {**LAB, "title_": "x"}}}),
    _users(access={"requestURL": "https://iam.example.org"}),
    {"jupyterhub": {"singelUser": {}}},
    _hub(extraconfig={}),
]

IMPOSSIBLE_VALUES: list[tuple[Values, str]] = [
    ({"image": {"tag": "latest"}}, "tag"),
    ({"sites": {"One": SITE}}, "One"),
    ({"tokens": {"replicas": 0}}, "replicas"),
    ({"tokens": {"profiles": {"one": {"audience": "a"}}}}, "scope"),
    ({"caBundle": {"certificates": "MIIB"}}, "certificates"),
    ({"iam": {"existingSecret": ""}}, "existingSecret"),
    (_users(catalogue={"images": {"lab": {**LAB, "image": "lab:latest"}}}), "image"),
    (_users(catalogue={"images": {"lab": {**LAB, "image": "lab"}}}), "image"),
    (_users(catalogue={"images": {"Lab": LAB}}), "Lab"),
    (_users(catalogue={"cores": []}), "cores"),
    (_users(catalogue={"guarantee": {"memory": 2}}), "memory"),
    (_users(home={"capacity": "10 GB"}), "capacity"),
    (_users(home={"uid": 0}), "uid"),
    (_users(home={"mountPath": "home"}), "mountPath"),
    (_users(home={"accessModes": []}), "accessModes"),
    (_users(home={"accessModes": ["ReadOnlyMany"]}), "accessModes"),
    (_users(cvmfs={"mode": "csi"}), "mode"),
    (_users(tokens={"url": "http://tokens"}), "url"),
]

SENTENCES: list[tuple[Values, Values, str]] = [
    (MINIMAL, {"image": {"repository": ""}}, "image.repository is missing"),
    (MINIMAL, _hub(image={"tag": ""}), "jupyterhub.hub.image is missing"),
    (
        MINIMAL,
        {"caBundle": {"certificates": "-----BEGIN CERTIFICATE-----", "existingConfigMap": "highrate-ca"}},
        "caBundle.certificates and caBundle.existingConfigMap contradict",
    ),
    (MINIMAL, _iam(issuer=""), "IAMAuthenticator.issuer is missing"),
    (MINIMAL, _iam(client_id=None), "IAMAuthenticator.client_id is missing"),
    (MINIMAL, _iam(allowed_groups=[]), "IAMAuthenticator.allowed_groups is missing"),
    (MINIMAL, {"iam": {"existingSecret": "ours"}}, "iam.existingSecret and jupyterhub.hub.extraVolumes contradict"),
    (MINIMAL, {"caBundle": {"existingConfigMap": "ours"}}, "caBundle and jupyterhub.hub.extraVolumes contradict"),
    (MINIMAL, _https(enabled=False), "jupyterhub.proxy.https is missing"),
    (TWO_SITES, {"jupyterhub": {"ingress": {"tls": []}}}, "jupyterhub.proxy.https is missing"),
    (MINIMAL, _https(secret={"name": ""}), "jupyterhub.proxy.https.secret.name is missing"),
    (WITHOUT_IMAGES, {}, "catalogue.images is missing"),
    (MINIMAL, _users(catalogue={"images": {"lab": {"default": False}}}), "catalogue.images has no default"),
    (
        MINIMAL,
        _users(catalogue={"images": {"other": {**LAB, "default": True}}}),
        "catalogue.images contradict each other: lab, other",
    ),
    (MINIMAL, _users(catalogue={"cores": [1, 3], "defaults": {"cores": 2}}), "defaults.cores and cores contradict"),
    (MINIMAL, _users(catalogue={"memory": [64]}), "defaults.memory and memory contradict"),
    (MINIMAL, _singleuser(profileList=[{"display_name": "x"}]), "singleuser.profileList is set, but"),
    (MINIMAL, _singleuser(storage={"type": "dynamic"}), "storage.type and jupyterhub.custom.highrate.home contradict"),
    (MINIMAL, _users(cvmfs={"mode": "pvc"}), "cvmfs.claim is missing"),
    (MINIMAL, _users(cvmfs={"claim": "cvmfs"}), "cvmfs.claim and mode contradict"),
    (MINIMAL, {"tokens": {"profiles": {"storage": None}}}, "tokens.profiles is missing"),
    (MINIMAL, {"tokens": {"defaultProfile": "other"}}, "tokens.defaultProfile and tokens.profiles contradict"),
    (MINIMAL, _users(tokens={"profile": "other"}), "tokens.profile and tokens.profiles contradict"),
    (FILE, {"tokens": {"existingTlsSecret": "ours"}}, "tokens.caConfigMap is missing"),
    (
        MINIMAL,
        {"tokens": {"profiles": {"more": {"scope": "openid storage.stage:/ wlcg"}}}},
        "storage.stage:/, wlcg are not asked for",
    ),
    (TWO_SITES, {"sites": {"schedd": {"namespaces": []}}}, "sites.schedd.namespaces is missing"),
    (
        TWO_SITES,
        {"sites": {"schedd": {"namespaces": ["analysis", "highrate"]}}},
        "sites.schedd.namespaces and the release's namespace contradict",
    ),
    (
        TWO_SITES,
        {"sites": {"schedd": {"nodeName": SITE["nodeName"]}}},
        "sites.remote.nodeName and sites.schedd.nodeName contradict",
    ),
]


@pytest.mark.parametrize("changes", UNKNOWN_KEYS, ids=str)
def test_an_unknown_key_stops_the_upgrade(chart: Chart, changes: Values) -> None:
    assert_unknown_key(chart, merged(MINIMAL, changes))


@pytest.mark.parametrize(("changes", "key"), IMPOSSIBLE_VALUES, ids=str)
def test_an_impossible_value_stops_the_upgrade_and_is_named(chart: Chart, changes: Values, key: str) -> None:
    assert_impossible_value(chart, merged(MINIMAL, changes), key)


@pytest.mark.parametrize(("values", "changes", "sentence"), SENTENCES, ids=[case[2] for case in SENTENCES])
def test_a_sentence_says_what_is_wrong_and_what_to_write(
    chart: Chart, values: Values, changes: Values, sentence: str
) -> None:
    for objects in remedied(chart, merged(values, changes), sentence):
        assert_every_volume_is_mounted(objects)


def test_a_secret_among_the_values_is_refused_without_being_shown(chart: Chart) -> None:
    text = refusal(chart, merged(MINIMAL, _iam(client_secret="hunter2")))
    assert "client_secret is set, but" in text and "kubectl create secret generic highrate-iam -n highrate" in text
    assert "hunter2" not in text


def test_a_privileged_container_for_users_is_refused(chart: Chart) -> None:
    refused = merged(MINIMAL, _singleuser(cloudMetadata={"blockWithIptables": True}))
    assert re.search(
        r"singleuser\.cloudMetadata\.blockWithIptables(: false| and the restricted)", refusal(chart, refused)
    )


def test_what_a_site_lacks_is_told_below_its_name(chart: Chart) -> None:
    refused = merged(TWO_SITES, {"sites": {"remote": {"edge": {"url": ""}, "token": {"clientId": ""}}}})
    text = refusal(chart, refused)
    assert re.search(r"Below sites\.remote:\n\nedge\.url is missing(.|\n)*token\.clientId is missing", text)
    first, _other_mode, client = remedies(text)
    assert_every_volume_is_mounted(chart.render(merged(refused, {"sites": {"remote": merged(first, client)}})))


def test_let_s_encrypt_needs_a_name(chart: Chart) -> None:
    text = refusal(chart, merged(MINIMAL, _https(type="letsencrypt")))
    assert "proxy.https.hosts is missing" in text or ("stand-in" in text and "proxy.https.type: secret" in text)


def test_a_monitor_needs_its_operator(chart: Chart) -> None:
    refused = merged(MINIMAL, {"metrics": {"podMonitor": {"enabled": True}}})
    assert "metrics.podMonitor.enabled needs the Prometheus operator" in refusal(chart, refused)
    assert chart.render(refused, options=WITH_MONITORS)


def test_all_problems_are_told_at_once(chart: Chart) -> None:
    text = refusal(chart, {})
    missing = re.findall(r"^(\S+) is missing", text, re.MULTILINE)
    iam = "jupyterhub.hub.config.IAMAuthenticator"
    assert missing == [
        "image.repository",
        "jupyterhub.hub.image",
        *(f"{iam}.issuer", f"{iam}.client_id", f"{iam}.allowed_groups"),
        "jupyterhub.proxy.https",
        "jupyterhub.custom.highrate.catalogue.images",
    ]


def test_what_the_sentences_say_makes_an_install(chart: Chart) -> None:
    """From nothing: everything that is told to be written, written."""
    values: Values = {}
    for remedy in remedies(refusal(chart, {})):
        values = merged(values, remedy)
    assert_every_volume_is_mounted(chart.render(values))


@pytest.mark.parametrize(("standard", "refused"), [("restricted", True), ("baseline", True), ("privileged", False)])
def test_a_folder_of_the_node_is_refused_where_the_namespace_forbids_it(
    chart: Chart, tmp_path: Path, standard: str, refused: bool
) -> None:
    """Only a cluster knows a namespace's labels: a template, parsed after the chart's, takes the place of `lookup`."""
    told = chart.folder / "templates" / "_aa-told.tpl"
    told.write_text('{{- define "highrate.podSecurity" -}}' + standard + "{{- end -}}")
    values = merged(MINIMAL, _users(cvmfs={"mode": "hostPath"}))
    try:
        if refused:
            text = refusal(chart, values)
            assert f"highrate enforces the {standard} Pod" in text
            (remedy,) = remedies(text)
            assert_every_volume_is_mounted(chart.render(merged(values, remedy)))
        else:
            assert_every_volume_is_mounted(chart.render(values))
    finally:
        told.unlink()
