"""The values of the platform: what is accepted, and what a mistake in them is told."""

from typing import Any

import jsonschema
import pytest
from hub_config import configure
from hub_config.settings import ConfigurationError, json_schema, parse

from tests.unit.hub_config.conftest import configured, values, z2jh


def problems(data: object) -> list[str]:
    with pytest.raises(ConfigurationError) as refused:
        parse(data)
    return list(refused.value.problems)


def test_one_image_is_enough() -> None:
    platform = parse({"catalogue": {"images": {"a": {"title": "A", "image": "r.test/a:1"}}}})
    assert platform.home.capacity == "10Gi"
    assert platform.catalogue.cores == [1, 2, 4, 8]
    assert platform.catalogue.memory == [2, 4, 8, 16]
    assert not platform.catalogue.free_image.enabled


def test_every_mistake_is_told_at_once_with_its_key() -> None:
    found = problems(
        {
            "catalogue": {
                "images": {"a": {"titel": "A", "title": "A", "image": "r.test/a:latest"}, "B!": {"title": "B"}},
                "cores": ["1"],
            },
            "home": {"capacity": "10 GB", "mountPath": "home"},
            "cvmfs": {"mode": "csi"},
            "tokens": {"url": "http://tokens"},
            "hme": {},
        }
    )
    text = "\n".join(found)
    for key in (
        "jupyterhub.custom.highrate.catalogue.images.a.titel: unknown key",
        'jupyterhub.custom.highrate.catalogue.images.a.image: "r.test/a:latest" can be another image tomorrow',
        "jupyterhub.custom.highrate.catalogue.images.B!",
        "jupyterhub.custom.highrate.catalogue.cores[0]",
        "jupyterhub.custom.highrate.home.capacity",
        "jupyterhub.custom.highrate.home.mountPath",
        "jupyterhub.custom.highrate.cvmfs.mode",
        "jupyterhub.custom.highrate.tokens.url",
        "jupyterhub.custom.highrate.hme: unknown key",
    ):
        assert key in text, text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"cvmfs": {"mode": "pvc"}}, "claim names the volume of mode pvc"),
        ({"cvmfs": {"mode": "hostPath", "claim": "x"}}, "claim names the volume of mode pvc"),
        ({"catalogue": {"images": {}}}, "catalogue.images"),
        (
            {"catalogue": {"images": {"a": {"title": "A", "image": "r.test/a:1"}}, "cores": [1]}},
            "defaults.cores is 2, which is not one of cores: [1]",
        ),
        ({"home": {"mountPath": "/"}}, "home.mountPath"),
        ({"home": {"uid": 0}}, "home.uid"),
        ({"home": None}, "home"),
    ],
)
def test_contradictions_are_found(changes: dict[str, Any], words: str) -> None:
    assert words in "\n".join(problems(values(**changes)))


@pytest.mark.parametrize("data", [None, [], "x"])
def test_without_values_the_error_says_which_are_needed(data: object) -> None:
    assert "jupyterhub.custom.highrate: required" in problems(data)[0]


def test_the_schema_takes_what_the_model_takes() -> None:
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(values(), schema)
    wrong: dict[str, Any]
    for wrong in ({"hme": {}}, {"cvmfs": {"mod": "none"}}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(values(**wrong), schema)


def test_every_value_is_documented_where_it_is_defined() -> None:
    schema = json_schema()
    models = {"Platform": schema, **schema["$defs"]}
    # a section's keys speak for it
    undocumented = [
        f"{name}.{key}"
        for name, model in models.items()
        for key, value in model["properties"].items()
        if "description" not in value and "$ref" not in value
    ]
    assert undocumented == []


def test_all_traits_that_are_set_exist() -> None:
    """traitlets only warns of a name that it doesn't know."""
    from hub_config.auth.iam import IAMAuthenticator
    from hub_config.spawn.spawner import PlatformSpawner
    from jupyterhub.app import JupyterHub

    c = configured()
    for kind in (PlatformSpawner, IAMAuthenticator, JupyterHub):
        assert set(c[kind.__name__]) <= set(kind.class_trait_names(config=True))


def test_what_z2jh_set_stays() -> None:
    c = z2jh()
    c.JupyterHub.tornado_settings = {"slow_spawn_timeout": 0, "cookie_options": {"SameSite": "Lax"}}
    c.JupyterHub.template_paths = ["/etc/theirs"]
    c.JupyterHub.template_vars = {"announcement": "Maintenance on Monday"}
    configure(c, values())
    assert c.JupyterHub.tornado_settings["cookie_options"] == {"SameSite": "Lax"}
    assert c.JupyterHub.tornado_settings["slow_spawn_timeout"] == 10, "0 answers before the options were looked at"
    assert c.JupyterHub.template_paths[0] == "/etc/theirs", "an administrator's page wins over ours"
    assert c.JupyterHub.template_vars["announcement"] == "Maintenance on Monday"
