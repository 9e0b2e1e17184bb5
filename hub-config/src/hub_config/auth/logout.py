"""Logout: what the hub holds of a person's tokens is revoked and forgotten, then the provider's own logout page follows."""

from typing import Any

from oauthenticator.oauth2 import OAuthLogoutHandler


class RevokingLogoutHandler(OAuthLogoutHandler):  # type: ignore[misc] # oauthenticator is untyped
    async def handle_logout(self) -> None:
        await super().handle_logout()
        # only who is logged in: a mere visit of this address by others revokes nothing
        user: Any = self.current_user
        if user is not None:
            await self.authenticator.forget(user)
