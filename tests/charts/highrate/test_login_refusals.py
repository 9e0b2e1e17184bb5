"""What stops an upgrade because nobody could log in with it, or work after the login."""

import pytest
from hub_config.auth.client import IAMClient
from hub_config.auth.iam import IAMAuthenticator

from tests.charts.highrate.hub import assert_every_volume_is_mounted, workload
from tests.charts.highrate.test_refusals import MINIMAL
from tests.charts.refusals import remedies, the_only_problem
from tests.charts.rendering import Chart, Object, Values, merged

SECRET = {"name": "iam", "secret": {"secretName": "highrate-iam"}}
SECRET_MOUNT = {"name": "iam", "mountPath": "/etc/highrate/iam", "readOnly": True}
AUTHORITIES = {"name": "ca", "configMap": {"name": "ours"}}
AUTHORITIES_MOUNT = {"name": "ca", "mountPath": "/etc/highrate/ca", "readOnly": True}
THEIRS = {"name": "theirs", "configMap": {"name": "theirs"}}
THEIR_MOUNT = {"name": "theirs", "mountPath": "/etc/theirs"}
BUNDLE = {"caBundle": {"existingConfigMap": "ours"}}


def _lists(volumes: list[Object], mounts: list[Object]) -> Values:
    return {"jupyterhub": {"hub": {"extraVolumes": volumes, "extraVolumeMounts": mounts}}}


LOST: list[tuple[Values, Values, str]] = [
    (
        {},
        _lists([THEIRS], [THEIR_MOUNT, SECRET_MOUNT]),
        "iam.existingSecret and jupyterhub.hub.extraVolumes contradict",
    ),
    ({}, _lists([THEIRS, SECRET], [THEIR_MOUNT]), "iam.existingSecret and jupyterhub.hub.extraVolumeMounts contradict"),
    (
        BUNDLE,
        _lists([THEIRS, SECRET, AUTHORITIES], [THEIR_MOUNT, SECRET_MOUNT]),
        "caBundle and jupyterhub.hub.extraVolumeMounts contradict",
    ),
    (
        BUNDLE,
        _lists([THEIRS, SECRET, AUTHORITIES], [THEIR_MOUNT]),
        "iam.existingSecret and caBundle and jupyterhub.hub.extraVolumeMounts contradict",
    ),
]
ISSUERS = {
    "iam.example.org": "https://iam.example.org",
    "iam.example.org:8443/": "https://iam.example.org:8443/",
    "//iam.example.org/": "https://iam.example.org/",
    "http://iam.example.org/": "https://iam.example.org/",
    "HTTPS://iam.example.org/": "https://iam.example.org/",
    "https://iam.example.org/realm?x=y": "https://iam.example.org/realm",
    "https://iam.example.org/ ": "https://iam.example.org/",
    "https://me@iam.example.org/": "https://iam.example.org/",
    "https://": "https://iam.example.org/",
}
# The authenticator's class and those that it is made of, as far as JupyterHub knows the switches.
SECTIONS = [each.__name__ for each in IAMAuthenticator.mro() if "Authenticator" in each.__name__ or each is IAMClient]
SWITCHES = [
    ("enable_auth_state", False, "enable_auth_state is set, but false keeps no login's tokens"),
    ("allow_existing_users", True, "allow_existing_users and IAMAuthenticator.allowed_groups contradict"),
]


def _config(**sections: object) -> Values:
    return merged(MINIMAL, {"jupyterhub": {"hub": {"config": sections}}})


@pytest.mark.parametrize("issuer", ISSUERS)
def test_an_issuer_that_is_no_https_address_is_refused(chart: Chart, issuer: str) -> None:
    refused = _config(IAMAuthenticator={"issuer": issuer})
    (remedy,) = remedies(the_only_problem(chart, refused, "issuer is set, but"))
    assert remedy["jupyterhub"]["hub"]["config"]["IAMAuthenticator"]["issuer"] == ISSUERS[issuer]
    assert chart.render(merged(refused, remedy))


@pytest.mark.parametrize("section", SECTIONS)
@pytest.mark.parametrize(("trait", "value", "sentence"), SWITCHES, ids=[case[0] for case in SWITCHES])
def test_a_switch_that_undoes_login_or_groups_is_refused_in_every_section(
    chart: Chart, section: str, trait: str, value: bool, sentence: str
) -> None:
    refused = _config(**{section: {trait: value}})
    (remedy,) = remedies(the_only_problem(chart, refused, f"config.{section}.{sentence}"))
    assert chart.render(merged(refused, remedy))


@pytest.mark.parametrize(("trait", "value", "sentence"), SWITCHES, ids=[case[0] for case in SWITCHES])
def test_the_authenticator_s_own_section_decides_about_a_switch(
    chart: Chart, trait: str, value: bool, sentence: str
) -> None:
    assert chart.render(_config(Authenticator={trait: value}, IAMAuthenticator={trait: not value}))
    refused = _config(Authenticator={trait: not value}, IAMAuthenticator={trait: value})
    assert the_only_problem(chart, refused, f"config.IAMAuthenticator.{sentence}")


def test_where_everybody_is_let_in_those_who_were_are_too(chart: Chart) -> None:
    assert chart.render(_config(IAMAuthenticator={"allow_all": True, "allow_existing_users": True}))


def test_another_authenticator_has_switches_of_its_own(chart: Chart) -> None:
    assert chart.render(
        _config(
            JupyterHub={"authenticator_class": "dummy"},
            Authenticator={"enable_auth_state": False, "allow_existing_users": True},
        )
    )


@pytest.mark.parametrize(("given", "lists", "sentence"), LOST, ids=[case[2] for case in LOST])
def test_a_list_that_loses_the_platform_s_files_is_refused_and_the_remedy_keeps_what_else_is_in_it(
    chart: Chart, given: Values, lists: Values, sentence: str
) -> None:
    refused = merged(merged(MINIMAL, given), lists)
    (remedy,) = remedies(the_only_problem(chart, refused, sentence))
    objects = chart.render(merged(refused, remedy))
    assert_every_volume_is_mounted(objects)
    mounts = workload(objects).container("hub")["volumeMounts"]
    assert all(each in mounts for each in (SECRET_MOUNT, AUTHORITIES_MOUNT, THEIR_MOUNT))


def test_files_of_the_platform_may_be_mounted_under_other_names(chart: Chart) -> None:
    renamed = {**SECRET, "name": "client"}, {**SECRET_MOUNT, "name": "client"}
    assert chart.render(merged(MINIMAL, _lists([renamed[0]], [renamed[1]])))
