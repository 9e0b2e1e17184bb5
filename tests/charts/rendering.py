"""Helm as the tests use it: a chart and values go in, objects or the sentence of a refusal come out."""

import hashlib
import json
import os
import pickle
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
    """An assembled chart and the Helm that renders it.

    Hundreds of tests ask for few renderings, which cost a program's start and keys of RSA each: an answer is kept in a
    folder under what it depends on, and whoever asks the same of the same files gets objects of their own from it.
    """

    helm: Path
    folder: Path
    kept: Path

    def render(self, values: Values, release: Release = Release(), options: Sequence[str] = ()) -> list[Object]:
        """The objects of a release, without NOTES. Raises Refused."""
        place = self.kept / self._key(values, release, options)
        if not place.exists():
            self._keep(place, self._answer(values, release, options))
        answer: list[Object] | str = pickle.loads(place.read_bytes())
        if isinstance(answer, str):
            raise Refused(answer)
        return answer

    def render_anew(self, values: Values) -> list[Object]:
        """The same by another run of Helm: what is made at random is another. Raises Refused."""
        return self._documents(values, Release(), ())

    def notes(self, values: Values, release: Release = Release()) -> str:
        """What Helm prints after an install. Raises Refused."""
        template = self.folder / "templates" / "notes-as-object.yaml"
        template.write_text(NOTES_AS_OBJECT % (self.folder / "templates" / "NOTES.txt").read_text(encoding="utf-8"))
        try:
            (notes,) = self.render(values, release, ["--show-only", "templates/notes-as-object.yaml"])
        finally:
            template.unlink()
        return str(notes["data"]["notes"])

    def lint(self, values: Values) -> str:
        """The output of `helm lint --strict`. Raises Refused."""
        return self._helm(values, "lint", "--strict", str(self.folder))

    def _answer(self, values: Values, release: Release, options: Sequence[str]) -> list[Object] | str:
        """Objects, or the text of a refusal."""
        try:
            return self._documents(values, release, options)
        except Refused as refused:
            return str(refused)

    def _documents(self, values: Values, release: Release, options: Sequence[str]) -> list[Object]:
        namespace = ("--namespace", release.namespace)
        text = self._helm(values, "template", release.name, str(self.folder), *namespace, *options)
        return [document for document in yaml.load_all(text, LOADER) if document]

    def _key(self, values: Values, release: Release, options: Sequence[str]) -> str:
        """All that a rendering depends on: what is asked, and what is in the chart."""
        asked = [str(self.helm), release.name, release.namespace, *options, json.dumps(values)]
        digest = hashlib.sha256(json.dumps(asked).encode())
        for file in sorted(path for path in self.folder.rglob("*") if path.is_file()):
            content = file.read_bytes()
            digest.update(f"{file.relative_to(self.folder)}\0{len(content)}\0".encode() + content)
        return digest.hexdigest()

    def _keep(self, place: Path, answer: list[Object] | str) -> None:
        """Whole or not at all: another worker may read it, or write it, too."""
        own = place.with_suffix(f".{os.getpid()}")
        own.write_bytes(pickle.dumps(answer))
        own.replace(place)

    def _helm(self, values: Values, *arguments: str) -> str:
        done = subprocess.run(
            [self.helm, *arguments, "--values", "-"],
            input=json.dumps(values),  # quotes every text, unlike PyYAML with "1e3"
            env={
                **os.environ,
                "GOGC": "off",
            },  # it ends before what it would collect is worth the work: a third of its time
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
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
    loaded: Values = yaml.load(path.read_text(encoding="utf-8"), LOADER)
    return loaded


def merged(values: Values, changes: Values) -> Values:
    """`values` with `changes` laid over them, as a second --values file of Helm would be."""
    result = dict(values)
    for key, value in changes.items():
        below = result.get(key)
        result[key] = merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return result
