"""The provider as the hub's client sees it: where its endpoints are, how it is asked, what is set unless configured otherwise."""

import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from oauthenticator.generic import GenericOAuthenticator
from traitlets import Unicode, default

from hub_config.auth.authorities import beside_the_systems, unusable
from hub_config.auth.provider import DEADLINES, Denied, Misconfigured, Unreachable, classified
from hub_config.auth.refresh import OBTAINED_AT, expires_at
from hub_config.auth.secret_file import read_secret


class Secret(Unicode[str, str]):
    """The client's secret: what is set, else what is in its file at the moment."""

    def get(self, obj: Any, cls: Any = None) -> Any:
        value = super().get(obj, cls)
        return value or obj.secret_of_file()


class IAMClient(GenericOAuthenticator):  # type: ignore[misc] # oauthenticator is untyped
    issuer = Unicode("", config=True, help="The provider's issuer; the endpoints are derived from it.")
    client_secret = Secret("", config=True, help="The client's secret itself, where it isn't in a file.")
    client_secret_file = Unicode(
        "", config=True, help="File with the client's secret, as a Secret is mounted; read at each use."
    )
    ca_file = Unicode(
        "",
        config=True,
        help="""File with authorities (PEM) that vouch for the provider, beside the system's; read at each use. One that isn't
        there counts as none, since a chart mounts it only where there are any.""",
    )

    def _at(self, path: str) -> str:
        return f"{self.issuer.rstrip('/')}/{path}"

    @default("authorize_url")
    def _authorize_url_default(self) -> str:
        return self._at("authorize")

    @default("token_url")
    def _token_url_default(self) -> str:
        return self._at("token")

    @default("userdata_url")
    def _userdata_url_default(self) -> str:
        return self._at("userinfo")

    @default("logout_redirect_url")
    def _logout_redirect_url_default(self) -> str:
        # IAM has no end_session_endpoint; this ends the session with it
        return self._at("logout")

    @default("scope")
    def _scope_default(self) -> list[str]:
        return ["openid", "profile", "email", "offline_access", "wlcg.groups"]

    @default("username_claim")
    def _username_claim_default(self) -> str:
        return "preferred_username"

    @default("login_service")
    def _login_service_default(self) -> str:
        return "IAM"

    @default("basic_auth")
    def _basic_auth_default(self) -> bool:
        return True  # what IAM registers clients for

    @default("enable_auth_state")
    def _enable_auth_state_default(self) -> bool:
        return True

    @default("manage_groups")
    def _manage_groups_default(self) -> bool:
        return True

    @default("auto_login")
    def _auto_login_default(self) -> bool:
        return True

    @default("refresh_pre_spawn")
    def _refresh_pre_spawn_default(self) -> bool:
        return True

    @default("auth_refresh_strict")
    def _auth_refresh_strict_default(self) -> bool:
        return True  # JupyterHub 6 would let a stale login's tokens go on otherwise; 5 doesn't know the trait

    # --- files, read at each use. Raise Misconfigured

    def secret_of_file(self) -> str:
        if not self.client_secret_file:
            return ""
        try:
            return read_secret(self.client_secret_file)
        except ValueError as error:
            raise Misconfigured(f"IAMAuthenticator.client_secret_file: {error}") from error

    def _authorities(self) -> dict[str, str]:
        if not self.ca_file or not Path(self.ca_file).exists():
            return {}
        if why := unusable(self.ca_file):
            raise Misconfigured(f"IAMAuthenticator.ca_file: {self.ca_file} can't be read ({why})")
        try:
            return {"ca_certs": str(beside_the_systems(self.ca_file))}
        except OSError as error:
            raise Misconfigured(
                f"IAMAuthenticator.ca_file: can't be put beside the system's authorities ({error})"
            ) from error

    # --- requests; each raises Denied or Unreachable

    async def httpfetch(self, url: str, *args: Any, **kwargs: Any) -> Any:
        return await super().httpfetch(url, *args, **{**DEADLINES, **self._authorities(), **kwargs})

    async def get_token_info(self, handler: Any, params: dict[str, Any]) -> dict[str, Any]:
        with classified():
            found: dict[str, Any] = await super().get_token_info(handler, params)
        return {OBTAINED_AT: time.time(), **found}

    async def token_to_user(self, token_info: dict[str, Any]) -> dict[str, Any]:
        with classified():
            found: dict[str, Any] = await super().token_to_user(token_info)
        return found

    async def renew(self, token: dict[str, Any], info: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """A fresh token response and userinfo. Raises Denied, Unreachable."""
        refresh_token = token.get("refresh_token")
        if not refresh_token:
            end = expires_at(token)
            if end is None or time.time() >= end:
                raise Denied("the access token ended, and there is no refresh token (scope offline_access)")
            return token, info
        # IAM takes a missing scope for all that the client is registered for, and may refuse them
        scope = token.get("scope") or " ".join(self.scope)
        asked = {**self.build_refresh_token_request_params(refresh_token), "scope": scope}
        # what the answer leaves out stays as it was
        fresh = {"refresh_token": refresh_token, "scope": scope, **await self.get_token_info(None, asked)}
        try:
            info = await self.token_to_user(fresh)
        except Unreachable as error:
            # the fresh token counts: the old refresh token may be used up
            self.log.warning("No userinfo for a fresh token: %s", error)
        return fresh, info

    async def revoke(self, refresh_token: str) -> None:
        form = {"token": refresh_token, "token_type_hint": "refresh_token"}
        if not self.basic_auth:
            form |= {"client_id": self.client_id, "client_secret": self.client_secret}
        with classified():
            await self.httpfetch(
                self._at("revoke"),
                "revoking a refresh token",
                parse_json=False,
                method="POST",
                headers=self.build_token_info_request_headers(),
                body=urlencode(form),
            )
