"""What Go programs share with Kubernetes has Kubernetes' versions: it is compiled once, which saves minutes from empty caches."""

import re
from pathlib import Path

import pytest
from devcluster.paths import find_checkout

GO = find_checkout(Path(__file__).parent).root / "devcluster" / "go"


def compiled(name: str) -> dict[str, str]:
    """Versions by module, as go.mod's replacements leave them."""
    requirements, _, _ = (GO / name / "go.mod").read_text().partition("\nreplace (")
    required = dict(re.findall(r"^(?:require |\t)(\S+) (v\S+)", requirements, re.MULTILINE))
    return required | {module: version for module, version in replaced(name).items() if module in required}


def replaced(name: str) -> dict[str, str]:
    _, _, replacements = (GO / name / "go.mod").read_text().partition("\nreplace (")
    return dict(re.findall(r"^\t(\S+) => \S+ (v\S+)", replacements, re.MULTILINE))


@pytest.mark.parametrize("name", ["conformance", "coredns", "local-path-provisioner", "metrics-server"])
def test_what_is_compiled_for_kubernetes_is_not_compiled_again_in_another_version(name: str) -> None:
    of_kubernetes = compiled("kubernetes")
    shared = {module: version for module, version in compiled(name).items() if module in of_kubernetes}
    assert shared
    assert shared == {module: of_kubernetes[module] for module in shared}


@pytest.mark.parametrize("name", ["coredns", "local-path-provisioner", "metrics-server"])
def test_nothing_is_replaced_that_kubernetes_does_not_bring(name: str) -> None:
    assert not replaced(name).keys() - compiled("kubernetes").keys()
