"""The spawner of the platform: KubeSpawner with a closed set of options and a pod that is looked at before it is made.

KubeSpawner's own profiles check a choice only where a request names a profile, and a REST request needn't: here every start,
whoever asks and however, goes through `options.resolve`.
"""

import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from kubernetes_asyncio.client.rest import ApiException
from kubespawner import KubeSpawner
from traitlets import Any as AnyTrait
from traitlets import Instance, default

from hub_config.pages.form import render
from hub_config.settings import Platform
from hub_config.spawn import failures, options, security
from hub_config.spawn.environment import environment
from hub_config.spawn.home_claim import HomeClaim
from hub_config.spawn.options import NotPossible, Session
from hub_config.spawn.refusal import Refusal

_GIB = 2**30
# KubeSpawner's name for the one that is the session; others may be beside it
_CONTAINER = "notebook"
# Of start_timeout, how long a machine is waited for, and a busy one: a cluster may grow. Before the hub gives up with "timed out".
_PATIENCE = 0.9


class PlatformSpawner(HomeClaim, KubeSpawner):  # type: ignore[misc] # KubeSpawner is untyped
    platform = Instance(
        Platform, config=True, help="The values under jupyterhub.custom.highrate; hub_config.configure sets it."
    )
    # JupyterHub takes any JSON of a REST request; a Dict trait would answer 500 to a list, and to every later start
    user_options: Any = AnyTrait({})

    _session: Session | None = None
    _waiting_since = 0.0

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._accepted = self.user_options
        self._refused_form: Mapping[str, object] = {}

    # --- what is chosen

    @property
    def groups_of_user(self) -> frozenset[str]:
        return frozenset(group.name for group in self.user.groups)

    @default("options_form")
    def _options_form_default(self) -> Callable[[Any], str]:
        return self._form

    def _form(self, _spawner: Any) -> str:
        """The spawn page's fields, with what the link or the refused form says, what was chosen last, or the defaults."""
        refused, self._refused_form = self._refused_form, {}
        return render(
            self.platform,
            self.groups_of_user,
            linked=refused or getattr(self.handler, "linked_options", {}),
            remembered=self.user_options,
            typed=str(refused.get("reference", "")),
        )

    def _options_from_form(self, form_data: Mapping[str, list[object]]) -> dict[str, object]:
        chosen: dict[str, object] = {}
        try:
            chosen = options.from_form(form_data)
            options.resolve(self.platform.catalogue, self.groups_of_user, options.parse(chosen))
        except NotPossible as error:
            self._refused_form = chosen
            raise Refusal(str(error)) from error
        return chosen

    def options_from_query(self, query_data: Mapping[str, list[object]]) -> dict[str, object]:
        """A link starts nothing: somebody else may have written it. See pages.links for those that preselect."""
        raise Refusal("Links choose, but don't start a server: choose here and press Start.")

    @default("apply_user_options")
    def _apply_user_options_default(self) -> Callable[[Any, object], None]:
        # JupyterHub's hook, which warns at each start that nobody uses it
        return lambda _spawner, _options: None

    async def load_user_options(self) -> None:
        """Take the options, however they came, or refuse them. Instead of KubeSpawner's profiles."""
        try:
            session = options.resolve(self.platform.catalogue, self.groups_of_user, options.parse(self.user_options))
        except NotPossible as error:
            # JupyterHub has written them down already, for the next start that says nothing
            self.user_options = self.orm_spawner.user_options = self._accepted
            raise Refusal(str(error)) from error
        self._accepted = self.user_options
        guarantee = self.platform.catalogue.guarantee
        self.image = session.image
        self.cpu_limit = float(session.cores)
        self.cpu_guarantee = round(session.cores * guarantee.cores, 3)
        self.mem_limit = session.memory * _GIB
        self.mem_guarantee = int(session.memory * _GIB * guarantee.memory)
        self._session = session

    # --- what is made of it

    def get_env(self) -> dict[str, Any]:
        env: dict[str, Any] = super().get_env()
        if self._session is not None:
            env.update(environment(self.platform, self._session))
        return env

    async def _make_create_pod_request(self, pod: Any, request_timeout: float) -> bool:
        """The last place before a pod is sent, after `modify_pod_hook`: what is looked at is what Kubernetes gets."""
        plain = self.api.api_client.sanitize_for_serialization(pod)
        problems = security.objections(plain, self.platform)
        session = [each.get("image") for each in plain["spec"]["containers"] if each["name"] == _CONTAINER]
        if self._session is None or session != [self._session.image]:
            problems.append("its image is not the one that was chosen")
        if problems:
            self.log.error("The pod of %s is refused: %s", self.user.name, "; ".join(problems))
            raise Refusal(
                "The hub's configuration makes a pod that isn't allowed. Tell the platform's administrators.", 500
            )
        return bool(await super()._make_create_pod_request(pod, request_timeout))

    # --- how it is going

    async def _start(self) -> Any:
        self._waiting_since = time.monotonic()
        try:
            return await super()._start()
        except ApiException as error:
            sentence = failures.refused(error.status, error.body)
            if sentence is None:
                raise
            raise Refusal(sentence, 503) from error

    def is_pod_running(self, pod: Mapping[str, Any] | None) -> bool:
        """Asked again and again during a start, which ends here once there is no hope."""
        running = bool(super().is_pod_running(pod))
        if pod is not None and not running and self._start_future is not None and not self._start_future.done():
            sentence = failures.hopeless(pod)
            if sentence is None and time.monotonic() - self._waiting_since > _PATIENCE * self.start_timeout:
                sentence = failures.overdue(pod)
            if sentence is not None:
                raise Refusal(sentence, 503)
        return running

    async def poll(self) -> Any:
        """The hub asks every half a minute whether the server runs: it doesn't go on for somebody who may not come in again."""
        status = await super().poll()
        keeps_server = getattr(self.authenticator, "keeps_server", None)
        if status is None and keeps_server is not None and self.ready and not await keeps_server(self.user):
            self.log.warning("Stopping the server of %s, who may not use the platform any more", self.user.name)
            await self.stop()
            return 0
        return status

    async def progress(self) -> AsyncIterator[dict[str, Any]]:
        """KubeSpawner's events, in plain words where we have them."""
        async for step in super().progress():
            sentence = failures.told(step.get("raw_event") or {}, self.image)
            yield {**step, "message": sentence} if sentence else step
