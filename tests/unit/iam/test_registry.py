"""Who the provider knows, and what becomes of secrets."""

import json
from pathlib import Path

import pytest
from devcluster.iam import registry


def test_secrets_outlive_a_restart_and_nobody_else_reads_them(tmp_path: Path) -> None:
    place = tmp_path / "state" / "secrets.json"
    first = registry.ensure_secrets(place)
    assert registry.ensure_secrets(place) == first
    assert place.stat().st_mode & 0o777 == 0o600


def test_every_client_and_user_has_a_secret_of_its_own(tmp_path: Path) -> None:
    known = registry.ensure_secrets(tmp_path / "secrets.json")
    every = [*known.clients.values(), *known.passwords.values(), known.cookie_key]
    assert len(set(every)) == len(registry.CLIENTS) + len(registry.USERS) + 1
    assert min(map(len, every)) >= 16


def test_a_new_client_gets_a_secret_and_the_others_keep_theirs(tmp_path: Path) -> None:
    place = tmp_path / "secrets.json"
    before = registry.ensure_secrets(place)
    kept = json.loads(place.read_text())
    del kept["clients"][registry.VK]
    place.write_text(json.dumps(kept))
    after = registry.ensure_secrets(place)
    assert after.clients[registry.VK] != before.clients[registry.VK]
    assert after.clients[registry.SIDECAR] == before.clients[registry.SIDECAR]
    assert after.cookie_key == before.cookie_key


def test_two_checkouts_have_different_secrets(tmp_path: Path) -> None:
    one, two = (registry.ensure_secrets(tmp_path / name / "secrets.json") for name in ("a", "b"))
    assert not set(one.clients.values()) & set(two.clients.values())


@pytest.fixture
def configuration(tmp_path: Path) -> dict[str, dict[str, object]]:
    known = registry.ensure_secrets(tmp_path / "secrets.json")
    clients = registry.program_configuration(known, "/etc/iam")["clients"]
    assert isinstance(clients, list)
    return {client["client_id"]: client for client in clients}


def test_service_clients_can_only_speak_for_themselves(configuration: dict[str, dict[str, object]]) -> None:
    for name in (registry.VK, registry.SIDECAR, registry.STRANGER, registry.BRIEF):
        assert configuration[name]["grant_types"] == ["client_credentials"]
        assert configuration[name]["redirect_uris"] == []


def test_only_the_virtual_kubelets_are_in_the_edges_group(configuration: dict[str, dict[str, object]]) -> None:
    members = {name for name, client in configuration.items() if registry.EDGE_GROUP in client["groups"]}  # type: ignore[operator]
    assert members == {registry.VK, registry.BRIEF}


def test_people_keep_their_subject() -> None:
    mario, luigi = registry.USERS[0], registry.USERS[-1]
    assert mario.subject == registry.User("mario", "renamed").subject != luigi.subject
