"""docs/configuration/hub.md names what there is, with the defaults that it has."""

from pathlib import Path
from typing import Any

import pytest
from hub_config.auth.client import IAMClient
from hub_config.auth.iam import IAMAuthenticator
from hub_config.auth.refresh import Outcome

from tests.unit.hub_config.conftest import authenticator

PAGE = (Path(__file__).parents[3] / "docs/configuration/hub.md").read_text(encoding="utf-8")

OWN = sorted(
    name
    for kind in (IAMAuthenticator, IAMClient)
    for name, trait in kind.class_own_traits(config=True).items()
    if trait.this_class is kind
)


def test_there_are_traits_of_ours() -> None:
    assert {"issuer", "groups_max_age"} <= set(OWN)


@pytest.mark.parametrize("name", [*OWN, "auth_refresh_age"])
def test_every_key_is_there_with_its_default(name: str) -> None:
    (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| `{name}` |")]
    default: Any = IAMAuthenticator.class_traits()[name].default()
    shown = row.split("|")[2].strip()
    assert shown == f"`{default}`" if isinstance(default, int) else shown in ("required", "none")


def test_every_outcome_is_named() -> None:
    for outcome in Outcome:
        assert f"`{outcome.value}`" in PAGE
    source = (Path(__file__).parents[3] / "hub-config/src/hub_config/auth/iam.py").read_text(encoding="utf-8")
    logins = [part.split('"')[1] for part in source.split("LOGINS.labels(")[1:]]
    assert len(logins) == 5
    assert [outcome for outcome in logins if f"`{outcome}`" not in PAGE] == []


def test_the_time_after_which_a_lost_group_counts_is_what_the_defaults_make_it() -> None:
    it = authenticator()
    assert "a quarter of an hour with the defaults" in PAGE
    assert 14 * 60 <= it.groups_max_age + it.auth_refresh_age + 30 <= 16 * 60
