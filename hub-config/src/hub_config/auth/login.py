"""Login: for the platform it begins in the moment in which JupyterHub has written it down, not when the gate said yes.

Between the two the database has the login before, which a look would take for the new one.
"""

from typing import Any

from oauthenticator.oauth2 import OAuthCallbackHandler


class LoginHandler(OAuthCallbackHandler):  # type: ignore[misc] # oauthenticator is untyped
    async def auth_to_user(self, authenticated: dict[str, Any], user: Any = None) -> Any:
        """JupyterHub's step that writes a login down; with a `user`, what a look at a login found."""
        write = super().auth_to_user
        if user is not None:
            return await write(authenticated, user)
        return await self.authenticator.begin(authenticated["name"], lambda: write(authenticated))
