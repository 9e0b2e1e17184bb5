"""The platform's services that a session's Dask uses: the gateway, and the relay."""

import http.client
import json
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from urllib.parse import urlsplit

from highrate.doctor.finding import Finding, absent, bad, doubtful, good

SECONDS = 8.0
_LARGEST = 1024 * 1024
_LOG_IN = "Log in to the hub again; the server may go on."
_LATER = "Try again in a minute; if it stays, tell your administrators."


class NoAnswer(Exception):
    """The text says what happened."""


@dataclass(frozen=True)
class Reply:
    status: int
    body: bytes


def fetch(url: str, headers: Mapping[str, str], authorities: str | None = None) -> Reply:
    """No redirect is followed: the session's token goes where the platform says. Raises NoAnswer.

    `authorities`: PEM texts, beside those of the system.
    """
    parts = urlsplit(url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection = _connection(parts.scheme, parts.hostname or "", parts.port, authorities)
        try:
            connection.request("GET", path, headers=dict(headers))
            response = connection.getresponse()
            return Reply(response.status, response.read(_LARGEST))
        finally:
            connection.close()
    except ssl.SSLCertVerificationError as problem:
        raise NoAnswer(f"{url} shows a certificate that isn't trusted: {problem.verify_message}") from problem
    except (OSError, ValueError, http.client.HTTPException) as problem:
        raise NoAnswer(f"{url} doesn't answer: {str(problem) or type(problem).__name__}") from problem


def _connection(scheme: str, host: str, port: int | None, authorities: str | None) -> http.client.HTTPConnection:
    if scheme == "https":
        context = ssl.create_default_context()
        if authorities:
            context.load_verify_locations(cadata=authorities)
        return http.client.HTTPSConnection(host, port, timeout=SECONDS, context=context)
    return http.client.HTTPConnection(host, port, timeout=SECONDS)


def gateway(environ: Mapping[str, str]) -> Finding:
    """Does it answer, is it one, and does it know the session?"""
    address = environ.get("DASK_GATEWAY__ADDRESS", "").rstrip("/")
    if not address:
        return absent("the platform has no Dask gateway (DASK_GATEWAY__ADDRESS is not set)")
    token = environ.get("JUPYTERHUB_API_TOKEN", "")
    if not token:
        return bad("JUPYTERHUB_API_TOKEN is not set, and the gateway knows nobody without", "Restart the server.")
    try:
        server = json.loads(fetch(f"{address}/api/version", {}).body)["version"]
        reply = fetch(f"{address}/api/v1/options", {"Authorization": f"jupyterhub {token}"})
    except NoAnswer as problem:
        return bad(str(problem), _LATER)
    except (ValueError, KeyError, TypeError):
        return bad(f"what answers at {address} is no gateway", "Tell your administrators.")
    return _same_version(address, str(server)) if reply.status == 200 else _refused(reply)


def _refused(reply: Reply) -> Finding:
    try:
        said = " ".join(str(json.loads(reply.body)["error"]).split())[:200]
    except (ValueError, KeyError, TypeError):
        said = ""
    if reply.status in (401, 403):
        # the gateway knows whether it's the login that has ended
        return bad(f"the gateway doesn't take the session's token ({reply.status})", said or _LOG_IN)
    return bad(f"the gateway answers {reply.status}{said and f': {said}'}", _LATER)


def _same_version(address: str, server: str) -> Finding:
    try:
        mine = version("dask-gateway")
    except PackageNotFoundError:
        return doubtful(
            f"{address} answers, but this image has no dask-gateway", "Start a session of an image that scales out."
        )
    if mine.split(".")[:2] != server.split(".")[:2]:
        return doubtful(
            f"the gateway is {server}, and dask-gateway here {mine}", "Use an image of the platform's present release."
        )
    return good(f"{address} answers, version {server}, and knows this session")


def schedulers(environ: Mapping[str, str]) -> Finding:
    """The way to schedulers: a port that takes connections; who is behind it shows when there is a cluster."""
    address = environ.get("DASK_GATEWAY__PROXY_ADDRESS", "") or environ.get("DASK_GATEWAY__ADDRESS", "")
    if not address:
        return absent("the platform has no Dask gateway")
    parts = urlsplit(address if "//" in address else f"//{address}")
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 8786)
    try:
        socket.create_connection((parts.hostname or "", port), timeout=SECONDS).close()
    except OSError as problem:
        return bad(
            f"{parts.hostname}:{port} takes no connections: {problem}",
            "Clusters can't be reached: tell your administrators.",
        )
    return good(f"{parts.hostname}:{port} takes connections")


def relay(environ: Mapping[str, str]) -> Finding:
    """Each member that the gateway has answers, and refuses whoever has no ticket."""
    address = environ.get("DASK_GATEWAY__ADDRESS", "").rstrip("/")
    if not address:
        return absent("the platform has no Dask gateway")
    shown = {"Authorization": f"jupyterhub {environ.get('JUPYTERHUB_API_TOKEN', '')}"}
    try:
        told = json.loads(fetch(f"{address}/api/v1/relay", shown).body)
        members, authorities = [str(member) for member in told["members"]], told["authorities"]
    except (NoAnswer, ValueError, KeyError, TypeError):
        return doubtful("the gateway doesn't say where the relay is", "See what is said of the gateway.")
    if not members:
        return absent("the platform has no relay, which only workers at sites need")
    silent = []
    for member in members:
        try:
            status = fetch(f"{member.rstrip('/')}/v1/dial/doctor", {}, authorities).status
        except NoAnswer as problem:
            silent.append(str(problem))
            continue
        if status not in (401, 426, 429, 503):
            silent.append(f"what answers at {member} is no relay ({status})")
    if silent:
        return bad("; ".join(silent), "Workers at sites can't be reached: tell your administrators.")
    return good(f"{len(members)} of {len(members)} members answer")
