"""dask-gateway's JupyterHub authentication, with a deadline: its own waits five minutes for a hub that hangs."""

from typing import Any

import aiohttp
from aiohttp import web
from dask_gateway_server.auth import JupyterHubAuthenticator

SECONDS = 20


class HubAuthenticator(JupyterHubAuthenticator):  # type: ignore[misc] # dask-gateway is untyped
    """Users show the token of their server; groups come from the hub with it."""

    session: aiohttp.ClientSession

    async def setup(self, app: web.Application) -> None:
        await super().setup(app)
        await self.session.close()
        self.session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=SECONDS, sock_connect=5))

    async def authenticate(self, request: web.Request) -> Any:
        try:
            return await super().authenticate(request)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self.log.warning("The hub can't be asked whose a token is: %s", type(error).__name__)
            raise web.HTTPServiceUnavailable(
                reason="The hub can't be asked now who you are. Try again in a moment.", headers={"Retry-After": "5"}
            ) from error
