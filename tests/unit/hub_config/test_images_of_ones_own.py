"""Which images of their own users may start."""

import pytest
from hub_config.settings import FreeImage
from hub_config.spawn.policy import objections

DIGEST = "sha256:" + "0123456789abcdef" * 4
POLICY: dict[str, object] = {"enabled": True, "registries": ["registry.test", "ghcr.io/icsc"]}


@pytest.mark.parametrize(
    ("policy", "groups", "text", "words"),
    [
        (POLICY, (), "registry.test/a:1", None),
        (POLICY, (), "REGISTRY.test/a:1", None),
        (POLICY, (), "registry.test:443/a:1", None),
        ({**POLICY, "registries": ["Registry.test:443/a"]}, (), "registry.test/a/b:1", None),
        ({**POLICY, "registries": ["registry:443"]}, (), "Registry/b:1", None),
        (POLICY, (), f"registry.test/a@{DIGEST}", None),
        (POLICY, (), f"registry.test/a:latest@{DIGEST}", None),
        (POLICY, (), "ghcr.io/icsc/a:1", None),
        (POLICY, (), "ghcr.io/icsc2/a:1", "come from registry.test, ghcr.io/icsc only"),
        (POLICY, (), "registry.test.evil.org/a:1", "not from registry.test.evil.org"),
        (POLICY, (), "registry.test:5000/a:1", "not from registry.test:5000"),
        (POLICY, (), "evil/registry.test/a:1", "not from docker.io"),
        (POLICY, (), "registry.test/a", "another image tomorrow"),
        (POLICY, (), "registry.test/a:latest", "another image tomorrow"),
        ({**POLICY, "denyLatest": False}, (), "registry.test/a", None),
        ({"enabled": True}, (), "anywhere.org/a:1", None),
        ({"enabled": True, "registries": ["docker.io/library"]}, (), "python:3.13", None),
        ({"enabled": False}, (), "registry.test/a:1", "can't be started here"),
        ({**POLICY, "groups": ["developers"]}, ("/developers",), "registry.test/a:1", None),
        ({**POLICY, "groups": ["developers"]}, ("/users",), "registry.test/a:1", "Only members of developers"),
        (POLICY, (), "registry.test/a:1\n", "no image reference"),
    ],
)
def test_the_policy_for_images_of_ones_own(
    policy: dict[str, object], groups: tuple[str, ...], text: str, words: str | None
) -> None:
    found = objections(FreeImage.model_validate(policy), frozenset(groups), text)
    assert (words is None) == (not found), found
    assert words is None or words in " ".join(found)
