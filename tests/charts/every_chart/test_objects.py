"""What must hold for every object, whatever is installed."""

import re

import pytest

from tests.charts.navigation import is_jupyterhubs
from tests.charts.rendering import Object
from tests.schemas import validate

SUPPORTED = ("1.30", "1.32", "1.34", "1.37")
CERTIFICATE_OR_TOKEN = re.compile(r"PRIVATE KEY|\beyJ[\w-]{10,}\.[\w-]+\.|(?i:client[-_]?secret:|refresh[-_]?token:)")


@pytest.mark.parametrize("version", SUPPORTED)
def test_is_what_kubernetes_knows(objects: list[Object], version: str) -> None:
    for obj in objects:
        if obj["apiVersion"] != "monitoring.coreos.com/v1":
            validate(obj, version)


def test_says_whose_it_is(objects: list[Object]) -> None:
    for obj in objects:
        labels = obj["metadata"]["labels"]
        assert labels["app.kubernetes.io/instance"] == "site-one"
        assert labels["app.kubernetes.io/managed-by"] == "Helm"
        assert labels.get("app.kubernetes.io/part-of") == (None if is_jupyterhubs(obj) else "highrate")


def test_has_a_name_of_its_own(objects: list[Object]) -> None:
    names = [(obj["kind"], obj["metadata"].get("namespace", "highrate"), obj["metadata"]["name"]) for obj in objects]
    assert len(names) == len(set(names))


def test_keeps_secrets_in_secrets(objects: list[Object]) -> None:
    for obj in objects:
        if obj["kind"] != "Secret":
            assert not CERTIFICATE_OR_TOKEN.search(str(obj)), obj["metadata"]["name"]
