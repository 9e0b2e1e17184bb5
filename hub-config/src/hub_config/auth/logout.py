"""Logout: what the hub holds of a person's tokens is revoked and forgotten, then the provider's own logout page follows."""

from typing import Any

from oauthenticator.oauth2 import OAuthLogoutHandler


class RevokingLogoutHandler(OAuthLogoutHandler):  # type: ignore[misc] # oauthenticator is untyped
    async def refresh_auth(self, user: Any, force: bool = False) -> Any:
        """JupyterHub's look at the login with each request. Who logs out needs none: a login that has ended would be nobody's, and
        its cookie and its refresh token would stay."""
        return user

    async def handle_logout(self) -> None:
        await super().handle_logout()
        # only who is logged in: a mere visit of this address by others revokes nothing
        user: Any = self.current_user
        if user is not None:
            await self.authenticator.forget(user)
