"""Who the provider knows: service clients, the hub, a few people; and their secrets, made at first use.

An INDIGO IAM gives a client the groups of nobody; that a service client may carry `wlcg.groups` here stands for the
registrations that real sites make by hand, and gives the edge's group rule something to look at.
"""

import json
import secrets
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from devcluster.addresses import CE_NAME, DOMAIN, IAM_NAME
from devcluster.hub_address import CALLBACK

PORT = 8443
ISSUER = f"https://{IAM_NAME}:{PORT}/"  # IAM's issuers end in "/", and the whole string is compared

EDGE_AUDIENCE = "highrate-edge"
EDGE_GROUP = "/highrate/edge"
EXPERIMENT, ADMINS = "/icsc", "/icsc/admins"
"""Whose members may use the platform, and who of them administers it."""
SITE_AUDIENCE = f"https://{CE_NAME}:9618"

VK = "highrate-vk"
SIDECAR = "highrate-sidecar"
HUB = "hub"
# For tests: a service in no group, and one whose tokens are over after a moment.
STRANGER = "highrate-stranger"
BRIEF = "highrate-brief"
BRIEF_SECONDS = 15  # a client is a process of its own, which takes seconds to start on a busy machine
PEOPLE_SECONDS = 120
"""Life of people's access tokens: renewals are to be seen, not waited for."""

_CLIENT_CREDENTIALS = ("client_credentials",)
_PEOPLE = ("authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code")
_COMPUTE = "compute.read compute.create compute.modify compute.cancel"
HUB_SCOPE = "openid profile email offline_access wlcg.groups storage.read:/ storage.modify:/"
"""What the hub may ask for; a token for a session is a part of what was asked at login."""
USERS_FILE = "users.json"


@dataclass(frozen=True)
class Client:
    """A registration. ``access_token_seconds`` 0: the provider's hour."""

    id: str
    scope: str
    grants: tuple[str, ...] = _CLIENT_CREDENTIALS
    groups: tuple[str, ...] = ()
    redirect_uris: tuple[str, ...] = ()
    access_token_seconds: int = 0


@dataclass(frozen=True)
class User:
    """A person who can log in."""

    username: str
    name: str
    groups: tuple[str, ...] = ()

    @property
    def subject(self) -> str:
        """As IAM's: an opaque UUID, the same after every start."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{ISSUER}users/{self.username}"))


CLIENTS = (
    Client(VK, "wlcg wlcg.groups", groups=(EDGE_GROUP,)),
    Client(SIDECAR, _COMPUTE),
    Client(
        HUB,
        HUB_SCOPE,
        grants=_PEOPLE,
        redirect_uris=(CALLBACK,),
        access_token_seconds=PEOPLE_SECONDS,
    ),
    Client(STRANGER, f"wlcg wlcg.groups {_COMPUTE}"),
    Client(BRIEF, f"wlcg wlcg.groups {_COMPUTE}", groups=(EDGE_GROUP,), access_token_seconds=BRIEF_SECONDS),
)
USERS = (
    User("mario", "Mario Rossi", (EXPERIMENT, ADMINS)),
    User("anna", "Anna Bianchi", (EXPERIMENT,)),
    User("luigi", "Luigi Verdi"),
)


@dataclass(frozen=True)
class Secrets:
    """Client secrets by client id, passwords by user name, and the key that signs the provider's cookies."""

    clients: Mapping[str, str]
    passwords: Mapping[str, str]
    cookie_key: str


def ensure_secrets(place: Path) -> Secrets:
    """Read the secrets; what is missing is made and kept (0600), so that a restart changes nothing."""
    known = json.loads(place.read_text()) if place.is_file() else {}
    clients = {client.id: known.get("clients", {}).get(client.id) or secrets.token_urlsafe(32) for client in CLIENTS}
    passwords = {
        user.username: known.get("passwords", {}).get(user.username) or secrets.token_urlsafe(12) for user in USERS
    }
    made = {
        "clients": clients,
        "passwords": passwords,
        "cookie_key": known.get("cookie_key") or secrets.token_urlsafe(32),
    }
    if made != known:
        place.parent.mkdir(parents=True, exist_ok=True)
        draft = place.with_suffix(".draft")
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(made, indent=1) + "\n")
        draft.replace(place)
    return Secrets(clients, passwords, str(made["cookie_key"]))


def program_configuration(known: Secrets, files: str) -> dict[str, object]:
    """What server.mjs reads; ``files`` is the folder with its certificate and keys as the program sees it."""
    return {
        "issuer": ISSUER,
        "listen": {"host": "0.0.0.0", "port": PORT},  # noqa: S104 - the whole namespace is ours
        "tls": {"cert": f"{files}/tls.crt", "key": f"{files}/tls.key"},
        "signing_key": f"{files}/signing.key",
        "cookie_key": known.cookie_key,
        "clients": [_client(client, known.clients[client.id]) for client in CLIENTS],
        "users": f"{files}/{USERS_FILE}",
    }


def people(known: Secrets, users: Iterable[User] = USERS) -> list[dict[str, object]]:
    """The file of users."""
    return [_user(user, known.passwords[user.username]) for user in users]


def _client(client: Client, secret: str) -> dict[str, object]:
    entry: dict[str, object] = {
        "client_id": client.id,
        "client_secret": secret,
        "grant_types": list(client.grants),
        "redirect_uris": list(client.redirect_uris),
        "scope": client.scope,
        "groups": list(client.groups),
    }
    if client.access_token_seconds:
        entry["access_token_seconds"] = client.access_token_seconds
    return entry


def _user(user: User, password: str) -> dict[str, object]:
    return {
        "sub": user.subject,
        "username": user.username,
        "name": user.name,
        "email": f"{user.username}@{DOMAIN}",
        "groups": list(user.groups),
        "password": password,
    }
