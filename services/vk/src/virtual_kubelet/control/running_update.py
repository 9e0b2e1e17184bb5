"""Makes what a running pod is to be sent: of its volumes that changed, or whose tokens end, all that can be made now.

As under a kubelet each volume is made for itself: one whose ConfigMap is gone keeps what is in it and holds up no other, least of
all the renewal of tokens.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from interlink.protocol.types import CreateRequest

from virtual_kubelet.core.create_request import Translation
from virtual_kubelet.core.field_reference import NodeFacts
from virtual_kubelet.core.object_store import MissingObjectError, ObjectName, ObjectStore
from virtual_kubelet.core.refresh import (
    Contents,
    contents,
    update_request,
    versions,
    volume_objects,
    wanted,
    with_volumes,
)
from virtual_kubelet.core.volumes import token_requests
from virtual_kubelet.io.objects import ObjectReader
from virtual_kubelet.model.delivered import Delivered
from virtual_kubelet.model.pod import JsonObject


@dataclass(frozen=True, slots=True)
class Update:
    """`delivered` is what the pod has once it took `request`, or has already where there is nothing to send."""

    delivered: Delivered
    versions: Mapping[ObjectName, str]
    """Of the objects that were read for it."""
    problems: tuple[str, ...]
    """Why volumes can't be made now."""
    request: CreateRequest | None = None
    lacks_tokens: bool = False
    """Tokens that are due could not be had: they are to be asked for again."""
    unreadable: bool = False
    """Some objects may not be read, so nobody knows whether they changed."""


@dataclass(frozen=True, slots=True)
class _Tokens:
    made: Mapping[tuple[str, str], str]
    renew_at: float | None
    problems: Mapping[str, str]
    """By volume."""


class UpdateMaker:
    """Reads what the pod's volumes name, and compares it with what the pod has."""

    def __init__(self, reader: ObjectReader, translation: Translation, node: Callable[[], NodeFacts]) -> None:
        self._reader = reader
        self._translation = translation
        self._node = node

    async def make(self, pod: JsonObject, has: Delivered | None, now: float) -> Update:
        """What is new for the pod at `now` (Unix seconds); everything where nobody knows what it has. Raises ApiError."""
        policy = self._translation.volumes
        names = volume_objects(pod, policy)
        store = await self._reader.fetch_readable(pod, names)
        found = contents(pod, store, self._node(), self._translation)
        seen = versions(names, store)
        before = has.content if has is not None else {}
        new = Delivered(
            {**(has.versions if has is not None else {}), **dict(seen.items())},
            wanted(pod, policy).own,
            {**before, **found.digests},
            has.renew_at if has is not None else None,
        )
        if has is not None and not _differ(found, before) and (has.renew_at is None or has.renew_at > now):
            return Update(new, seen, tuple(found.problems.values()), unreadable=bool(store.unreadable))
        tokens = await self._tokens(pod, found)
        problems = tuple({**found.problems, **tokens.problems}.values())
        sent = {volume: digest for volume, digest in found.digests.items() if volume not in tokens.problems}
        new = replace(new, content={**before, **sent}, renew_at=tokens.renew_at)
        update = Update(new, seen, problems, lacks_tokens=bool(tokens.problems), unreadable=bool(store.unreadable))
        if not tokens.made and not _differ(Contents(sent, {}), before):
            return update
        whole = replace(store, tokens=tokens.made)
        return replace(update, request=self._request(pod, whole, sent))

    def _request(self, pod: JsonObject, store: ObjectStore, sent: Mapping[str, bytes]) -> CreateRequest:
        volumes = [volume for volume in pod["spec"].get("volumes") or [] if volume["name"] in sent]
        return update_request(with_volumes(pod, volumes), store, self._node(), self._translation)

    async def _tokens(self, pod: JsonObject, found: Contents) -> _Tokens:
        """New ones for the volumes that can be made. Raises ApiError."""
        made: dict[tuple[str, str], str] = {}
        problems: dict[str, str] = {}
        renewals: list[float] = []
        asked: dict[str, list[JsonObject]] = {}
        for volume, source in token_requests(pod, self._translation.volumes):
            if volume in found.digests:
                asked.setdefault(volume, []).append(source)
        for volume, sources in asked.items():
            try:
                tokens = await self._reader.tokens(pod, [(volume, source) for source in sources])
            except MissingObjectError as error:
                problems[volume] = f'MountVolume.SetUp failed for volume "{volume}" : {error}'
                continue
            made |= tokens["tokens"]
            renewals += [tokens["renew_at"]] if tokens["renew_at"] is not None else []
        return _Tokens(made, min(renewals, default=None), problems)


def _differ(found: Contents, before: Mapping[str, bytes]) -> bool:
    return any(before.get(volume) != digest for volume, digest in found.digests.items())
