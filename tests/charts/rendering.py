"""Helm as the tests use it: a chart and values go in, objects or the sentence of a refusal come out."""

import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from devcluster.kubernetes import tools
from devcluster.paths import cache_root
from devcluster.steps import StepLog

Object = dict[str, Any]
Values = dict[str, Any]

ROOT = Path(__file__).parents[2]
VIRTUAL_NODE = ROOT / "charts" / "virtual-node"
HIGHRATE = ROOT / "charts" / "highrate"

# A cluster in which the Prometheus operator runs.
WITH_MONITORS = ("--api-versions", "monitoring.coreos.com/v1")

# libyaml's, ten times as fast, where PyYAML was built with it.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# A ConfigMap around the notes: `helm template` leaves them out, and only Helm 4 makes a dry run without a cluster.
NOTES_AS_OBJECT = """{{- define "notes" }}%s{{ end }}
apiVersion: v1
kind: ConfigMap
metadata:
  name: notes
data:
  notes: |
    {{- include "notes" . | nindent 4 }}
"""


class Refused(Exception):
    """Helm did not render; the text is what it printed."""


@dataclass(frozen=True)
class Release:
    """What `helm install NAME --namespace NAMESPACE` says besides the values."""

    name: str = "site-one"
    namespace: str = "highrate"


@dataclass(frozen=True)
class Chart:
    """An assembled chart and the Helm that renders it."""

    helm: Path
    folder: Path
    scratch: Path

    def render(self, values: Values, release: Release = Release(), options: Sequence[str] = ()) -> list[Object]:
        """The objects of a release, without NOTES. Raises Refused."""
        text = self._run(self.folder, values, release, options)
        return [document for document in yaml.load_all(text, LOADER) if document]

    def notes(self, values: Values, release: Release = Release()) -> str:
        """What Helm prints after an install. Raises Refused."""
        template = self.folder / "templates" / "notes-as-object.yaml"
        template.write_text(NOTES_AS_OBJECT % (self.folder / "templates" / "NOTES.txt").read_text(encoding="utf-8"))
        try:
            text = self._run(self.folder, values, release, ["--show-only", "templates/notes-as-object.yaml"])
        finally:
            template.unlink()
        return str(yaml.safe_load(text)["data"]["notes"])

    def lint(self, values: Values) -> str:
        """The output of `helm lint --strict`. Raises Refused."""
        return self._helm("lint", "--strict", str(self.folder), "--values", str(self._write(values)))

    def _run(self, folder: Path, values: Values, release: Release, options: Sequence[str]) -> str:
        namespace = ("--namespace", release.namespace)
        return self._helm("template", release.name, str(folder), *namespace, "-f", str(self._write(values)), *options)

    def _write(self, values: Values) -> Path:
        path = self.scratch / "values.json"
        path.write_text(json.dumps(values), encoding="utf-8")  # quotes every text, unlike PyYAML with "1e3"
        return path

    def _helm(self, *arguments: str) -> str:
        done = subprocess.run([self.helm, *arguments], capture_output=True, text=True, check=False, timeout=60)
        if done.returncode != 0:
            raise Refused(done.stderr + done.stdout)
        return done.stdout


def programs(folder: Path) -> dict[str, Path]:
    """kubectl and helm as the development cluster has them; $HIGHRATE_HELM takes the place of its helm, to try another."""
    found = tools.ensure(cache_root(), StepLog(folder / "tools.log", lambda _: None))
    chosen = os.environ.get("HIGHRATE_HELM")
    return found | ({"helm": Path(chosen)} if chosen else {})


def ci_values(chart: Path) -> list[Path]:
    """The matrix of a chart: files that each must render, and together set every key."""
    return sorted((chart / "ci").glob("*-values.yaml"))


def read_values(path: Path) -> Values:
    """A file of values."""
    loaded: Values = yaml.safe_load(path.read_text(encoding="utf-8"))
    return loaded


def merged(values: Values, changes: Values) -> Values:
    """`values` with `changes` laid over them, as a second --values file of Helm would be."""
    result = dict(values)
    for key, value in changes.items():
        below = result.get(key)
        result[key] = merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return result
