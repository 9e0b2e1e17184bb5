"""Who may use the gateway: people, by their servers. The place of dask-gateway's own authentication with JupyterHub, which takes
a visit's token for the person, and answers 500 once a login has ended.
"""

import contextlib

from aiohttp import web
from dask_gateway_server.auth import Authenticator
from dask_gateway_server.models import User
from traitlets import Unicode

from offload_backend.core.caller import SCHEME, hub_token
from offload_backend.io.callers import Callers
from offload_backend.model.refusal import CallerRefused, HubUnavailable

RETRY_SECONDS = 5


class HubAuthenticator(Authenticator):  # type: ignore[misc] # dask-gateway is untyped
    """Users show the token of their server; groups come from the hub with it."""

    hub_url = Unicode(config=True, help="The hub's REST API; offload_backend.app.gateway_config sets it.")

    async def setup(self, app: web.Application) -> None:
        self._stack = contextlib.AsyncExitStack()
        self.callers = Callers(self.hub_url)
        await self._stack.enter_async_context(self.callers.client)

    async def cleanup(self) -> None:
        if hasattr(self, "_stack"):
            await self._stack.aclose()

    async def authenticate(self, request: web.Request) -> User:
        try:
            found = await self.callers.whose(hub_token(request.headers.get("Authorization")))
        except CallerRefused as refused:
            # dask-gateway's client shows nothing before it was asked by a 401
            raise web.HTTPUnauthorized(reason=str(refused), headers={"WWW-Authenticate": SCHEME}) from refused
        except HubUnavailable as error:
            self.log.warning("The hub can't be asked whose a token is: %s", error)
            raise web.HTTPServiceUnavailable(
                reason="The hub can't be asked now who you are. Try again in a moment.",
                headers={"Retry-After": str(RETRY_SECONDS)},
            ) from error
        return User(found.name, groups=found.groups)
