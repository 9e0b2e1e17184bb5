"""A cluster that somebody else runs: its kubeconfig comes from KUBECONFIG (or kubectl's default file).

Nothing in it is made or removed but what Helm installs; its nodes must be able to pull the images that the values name.
"""

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from devcluster.kubernetes import tools
from devcluster.preflight import Condition
from devcluster.providers.provider import Part, Provider, cluster_parts, remove_state
from devcluster.steps import Step, StepLog


def given_kubeconfig(environ: Mapping[str, str] = os.environ) -> Path | None:
    """The first existing file of KUBECONFIG's list, else ~/.kube/config, None if neither is there."""
    named = [Path(word) for word in environ.get("KUBECONFIG", "").split(os.pathsep) if word]
    default = Path(environ.get("HOME", "/")) / ".kube" / "config"
    return next((place for place in named or [default] if place.is_file()), None)


class Existing(Provider):
    @property
    def name(self) -> str:
        return "existing"

    def conditions(self) -> Sequence[Condition]:
        found = given_kubeconfig()
        if found is None:
            return [Condition("kubeconfig", "missing", "none", "set KUBECONFIG to the cluster's file")]
        return [Condition("kubeconfig", "ok", str(found))]

    def steps(self) -> Sequence[Step]:
        platform = self.platform

        def take_kubeconfig(log: StepLog) -> None:
            source = given_kubeconfig()
            if source is None:
                raise FileNotFoundError("KUBECONFIG names no file")
            log.write(f"copied from {source}")
            platform.checkout.state.mkdir(parents=True, exist_ok=True)
            platform.checkout.kubeconfig.touch(mode=0o600)
            shutil.copyfile(source, platform.checkout.kubeconfig)

        def fetch_tools(log: StepLog) -> None:
            tools.ensure(platform.cache, log)

        def ask(log: StepLog) -> None:
            log.write(platform.kubectl("get", "--raw=/version"))

        return [
            Step("tools", "kubectl and helm", fetch_tools),
            Step("kubeconfig", "the cluster's kubeconfig", take_kubeconfig),
            Step("version", "the cluster answers", ask, ("tools", "kubeconfig")),
        ]

    def down(self) -> list[str]:
        remove_state(self.platform)
        return []

    def parts(self) -> Sequence[Part]:
        return cluster_parts(self.platform.kubectl)

    def shell(self, place: str) -> list[str]:
        raise ValueError(f"no shell at {place}: the machines of an existing cluster are somebody else's")
