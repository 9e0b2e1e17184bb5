"""The suite as programs: what runs the tests, the tests, and what runs in the tests' pods.

All of it is compiled from the modules of the same Kubernetes as the cluster, and cached like the cluster's own programs.
"""

from devcluster.golang import GoProgram
from devcluster.kubernetes.programs import pinned_version, version_stamp
from devcluster.paths import Checkout

RUNNER = "ginkgo"
SUITE = "e2e.test"
AGNHOST = "agnhost"
NO_NEW_PRIVILEGES = "nonewprivs"

_RUNNER_PACKAGE = "github.com/onsi/ginkgo/v2/ginkgo"
_TEST_IMAGES = "k8s.io/kubernetes/test/images"
_SUITE_PACKAGE = "k8s.io/kubernetes/test/e2e"


class VersionsDiffer(Exception):
    """Suite and cluster are pinned to different versions; the message says which, and where."""


def suite(checkout: Checkout) -> GoProgram:
    """Raises VersionsDiffer: a suite judges only the Kubernetes that it belongs to."""
    go = checkout.root / "devcluster" / "go"
    version, cluster = (pinned_version(go / name, "k8s.io/kubernetes") for name in ("conformance", "kubernetes"))
    if version != cluster:
        raise VersionsDiffer(f"{go}: conformance/go.mod is for Kubernetes {version}, kubernetes/go.mod for {cluster}")
    programs = (AGNHOST, NO_NEW_PRIVILEGES)
    return GoProgram(
        "conformance",
        go / "conformance",
        (_RUNNER_PACKAGE, *(f"{_TEST_IMAGES}/{name}" for name in programs)),
        (RUNNER, *programs, SUITE),
        version_stamp(version),
        (_SUITE_PACKAGE,),
    )
