"""A container's environment, resolved as a kubelet does (makeEnvironmentVariables), in the order of the specification.

What only the job can know, the pod's own address, stays a reference: `valueFrom.fieldRef` with `status.podIP`. A value that
refers to such a variable by `$(NAME)` keeps that reference and gets the same `valueFrom` beside it; in that one form the
value is still to be expanded by the job, and every other `$` in it is doubled. Where a later variable has the name of the one
that is referred to, both are sent.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from virtual_kubelet.core.expansion import expand, references
from virtual_kubelet.core.field_reference import (
    OWN_ADDRESS,
    FieldReferenceError,
    NodeFacts,
    field_value,
    resource_value,
)
from virtual_kubelet.core.object_store import MissingObjectError, ObjectName, ObjectStore, text_data
from virtual_kubelet.model.pod import JsonObject

NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(slots=True)
class _Environment:
    services: Mapping[str, str]
    values: dict[str, str] = field(default_factory=dict)
    """Resolved variables, in order."""
    own_address: dict[str, str] = field(default_factory=dict)
    """Field paths of the variables that wait for the job, by name."""
    order: dict[str, None] = field(default_factory=dict)
    replaced: dict[str, str] = field(default_factory=dict)
    """Field paths of own addresses that a later variable of the same name has replaced: others may refer to them."""

    def set(self, name: str, value: str) -> None:
        self._replace(name)
        self.values[name] = value
        self.order[name] = None

    def postpone(self, name: str, path: str, template: str | None) -> None:
        self._replace(name)
        self.own_address[name] = path
        self.values.pop(name, None)
        if template is not None:
            self.values[name] = template
        self.order[name] = None

    def _replace(self, name: str) -> None:
        path = self.own_address.pop(name, None)
        if path is not None and name not in self.values:
            self.replaced[name] = path

    def lookup(self, name: str) -> str | None:
        value = self.values.get(name)
        return self.services.get(name) if value is None else value

    def entries(self) -> list[JsonObject]:
        """In order; before them the replaced own addresses that a value still refers to. Of a name the last entry counts."""
        asked = {each for name in self.own_address for each in references(self.values.get(name, ""))}
        gone = [{"name": name, "valueFrom": _own(path)} for name, path in self.replaced.items() if name in asked]
        return [*gone, *(self._entry(name) for name in self.order)]

    def _entry(self, name: str) -> JsonObject:
        entry: JsonObject = {"name": name}
        if name in self.values:
            entry["value"] = self.values[name]
        if name in self.own_address:
            entry["valueFrom"] = _own(self.own_address[name])
        return entry


def _own(path: str) -> JsonObject:
    return {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}


def resolve(
    pod: JsonObject, container: JsonObject, store: ObjectStore, node: NodeFacts, services: Mapping[str, str] = NOTHING
) -> list[JsonObject]:
    """The container's `env` with every source replaced by its value; `envFrom` is part of it.

    The variables of `services` come last, where the pod has none of the same name; references find the pod's own first.
    Raises MissingObjectError (the pod waits) also for references that can't be resolved.
    """
    environment = _Environment(services)
    for source in container.get("envFrom") or []:
        _take_all(source, store, environment)
    for variable in container.get("env") or []:
        try:
            _take_one(variable, environment, pod=pod, container=container, store=store, node=node)
        except FieldReferenceError as error:
            raise MissingObjectError(f'env "{variable["name"]}" of container "{container["name"]}": {error}') from error
    for name, value in services.items():
        if name not in environment.order:
            environment.set(name, value)
    return environment.entries()


def _take_all(source: JsonObject, store: ObjectStore, environment: _Environment) -> None:
    for key, kind in (("configMapRef", "configmap"), ("secretRef", "secret")):
        reference = source.get(key)
        if reference is None:
            continue
        name = ObjectName("configmap" if kind == "configmap" else "secret", reference.get("name", ""))
        found = store.get(name, bool(reference.get("optional")))
        for variable, value in text_data(name.kind, found or {}).items():
            environment.set(source.get("prefix", "") + variable, value)


def _take_one(
    variable: JsonObject,
    environment: _Environment,
    *,
    pod: JsonObject,
    container: JsonObject,
    store: ObjectStore,
    node: NodeFacts,
) -> None:
    name, source = variable["name"], variable.get("valueFrom")
    if variable.get("value") or not source:
        _take_text(name, variable.get("value") or "", environment)
    elif "fieldRef" in source:
        path = source["fieldRef"].get("fieldPath", "")
        if path in OWN_ADDRESS:
            environment.postpone(name, path, None)
        else:
            environment.set(name, field_value(pod, path, node))
    elif "resourceFieldRef" in source:
        environment.set(name, resource_value(pod, container, source["resourceFieldRef"], node))
    else:
        value = _object_value(source, store)
        if value is not None:
            environment.set(name, value)


def _object_value(source: JsonObject, store: ObjectStore) -> str | None:
    if "configMapKeyRef" in source:
        reference, name = source["configMapKeyRef"], ObjectName("configmap", source["configMapKeyRef"].get("name", ""))
    elif "secretKeyRef" in source:
        reference, name = source["secretKeyRef"], ObjectName("secret", source["secretKeyRef"].get("name", ""))
    else:
        raise FieldReferenceError(f"unsupported source {', '.join(sorted(source))}")
    return store.key(name, reference.get("key", ""), bool(reference.get("optional")))


def _take_text(name: str, text: str, environment: _Environment) -> None:
    waiting = [n for n in references(text) if n in environment.own_address]
    if not waiting:
        environment.set(name, expand(text, environment.lookup))
        return

    def known(reference: str) -> str | None:
        if reference in environment.own_address:
            template = environment.values.get(reference)
            return f"$({reference})" if template is None else template
        value = environment.lookup(reference)
        # the job expands once more: what is settled must come out of that as it went in
        return f"$$({reference})" if value is None else value.replace("$", "$$")

    path = environment.own_address[waiting[0]]
    environment.postpone(name, path, expand(text.replace("$$", "$$$$"), known))
