"""KubeSpawner with claims that say whose they are, and a look at that before each pod (the rules are in `homes`).

Zero to JupyterHub lets the hub make and read claims, not change them: the chart adds that one right. Without it claims made from
now on are marked all the same; what was made before stays without a mark, and the log says so.
"""

import asyncio
from typing import Any

from kubernetes_asyncio.client.rest import ApiException

from hub_config.auth.login_state import subject
from hub_config.spawn import homes
from hub_config.spawn.homes import Whose
from hub_config.spawn.refusal import Refusal


class HomeClaim:
    """Before KubeSpawner among a class's bases; no spawner by itself, which would have a section of configuration of its own."""

    # KubeSpawner's, as far as it is needed here
    api: Any
    authenticator: Any
    log: Any
    namespace: str
    pvc_name: str
    user: Any
    _make_create_pvc_request: Any

    _person: str | None = None

    async def _start(self) -> Any:
        pinned = subject(await self.user.get_auth_state())
        self._person = None if pinned is None else homes.mark(getattr(self.authenticator, "issuer", ""), pinned)
        return await super()._start()  # type: ignore[misc] # KubeSpawner's

    def get_pvc_manifest(self) -> Any:
        claim = super().get_pvc_manifest()  # type: ignore[misc] # KubeSpawner's
        if self._person is not None:
            claim.metadata.annotations = {**(claim.metadata.annotations or {}), homes.ANNOTATION: self._person}
        return claim

    async def _make_create_pod_request(self, pod: Any, request_timeout: float) -> bool:
        """As KubeSpawner's: False is "try again", and so comes here again."""
        try:
            async with asyncio.timeout(request_timeout):
                looked = await self._look_at_home(request_timeout)
        except TimeoutError:
            return False
        if not looked:
            return False
        return bool(await super()._make_create_pod_request(pod, request_timeout))  # type: ignore[misc] # KubeSpawner's

    async def _look_at_home(self, request_timeout: float) -> bool:
        """Whether the home is there, and theirs. Raises Refusal if it is somebody else's, or nobody's any more."""
        try:
            found = await self.api.read_namespaced_persistent_volume_claim(self.pvc_name, self.namespace)
        except ApiException as error:
            if error.status != 404:
                raise
            # KubeSpawner asks only once in a server's life
            self.log.warning("The claim %s of %s is gone, a new one is made", self.pvc_name, self.user.name)
            await self._make_create_pvc_request(self.get_pvc_manifest(), request_timeout)
            return False
        claim = self.api.api_client.sanitize_for_serialization(found)
        verdict = homes.whose(claim, self._person, self.user.created)
        if verdict is Whose.NOBODYS:
            raise Refusal(homes.going(self.user.name), 503)
        if verdict is Whose.OTHERS:
            self.log.error(
                "The claim %s is not given to %s: its annotation %s is of somebody else, or missing on a claim that is older "
                "than the user. To hand it over: kubectl -n %s annotate --overwrite pvc %s %s=%s",
                *(self.pvc_name, self.user.name, homes.ANNOTATION),
                *(self.namespace, self.pvc_name, homes.ANNOTATION, homes.NEXT),
            )
            raise Refusal(homes.refusal(self.user.name, self.pvc_name, self._person), 403)
        if verdict is Whose.TO_TAKE and self._person is not None:
            await self._take_home(self._person)
        return True

    async def _take_home(self, person: str) -> None:
        change = {"metadata": {"annotations": {homes.ANNOTATION: person}}}
        try:
            await self.api.patch_namespaced_persistent_volume_claim(self.pvc_name, self.namespace, change)
        except ApiException as error:
            if error.status != 403:
                raise
            self.log.warning(
                "The claim %s can't be marked as the home of %s: the hub's account may not patch "
                "persistentvolumeclaims; whoever has the name next gets it",
                *(self.pvc_name, self.user.name),
            )
        else:
            self.log.info("The claim %s is marked as the home of %s", self.pvc_name, self.user.name)
