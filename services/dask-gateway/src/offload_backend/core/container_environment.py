"""Variables of scheduler and workers. Places, never secrets: those are files of the cluster's Secret."""

from collections.abc import Mapping
from typing import Any

from offload_backend.core import places
from offload_backend.model.facts import ClusterFacts
from offload_backend.model.settings import Settings

_COMM = "DASK_DISTRIBUTED__COMM__"
_RELAY = "DASK_HIGHRATE__RELAY__"


def scheduler_environment(settings: Settings, facts: ClusterFacts) -> list[dict[str, Any]]:
    ours = {
        "DASK_GATEWAY_API_URL": settings.api_url,
        # a path, which dask-gateway's preload reads
        "DASK_GATEWAY_API_TOKEN": places.credential(places.API_TOKEN),
        "DASK_GATEWAY_CLUSTER_NAME": facts.name,
        **_tls("SCHEDULER"),
        **_relay(settings, places.LOCAL_NETWORK),
        **_files(settings, settings.cvmfs.mode != "none"),
    }
    if settings.relay is not None:
        ours[f"{_RELAY}LISTEN_ID"] = places.SCHEDULER_ID
    return _entries(facts.environment, ours, direct=settings.relay is not None)


def worker_environment(settings: Settings, facts: ClusterFacts) -> list[dict[str, Any]]:
    place = settings.sites[facts.site]
    cvmfs = place.cvmfs if place.node is not None else settings.cvmfs.mode != "none"
    ours = {
        "DASK_GATEWAY_CLUSTER_NAME": facts.name,
        **_tls("WORKER"),
        **_relay(settings, places.LOCAL_NETWORK if place.node is None else facts.site),
        **_files(settings, cvmfs),
        **place.environment,
    }
    # a job has no address of its own: the worker finds its machine's
    return _entries(facts.environment, ours, direct=settings.relay is not None and place.node is None)


def _tls(role: str) -> dict[str, str]:
    certificate, key = places.credential(places.CERTIFICATE), places.credential(places.KEY)
    return {
        f"{_COMM}REQUIRE_ENCRYPTION": "True",
        f"{_COMM}TLS__CA_FILE": certificate,
        f"{_COMM}TLS__{role}__CERT": certificate,
        f"{_COMM}TLS__{role}__KEY": key,
    }


def _relay(settings: Settings, network: str) -> dict[str, str]:
    if settings.relay is None:
        return {}
    found = {
        f"{_RELAY}LISTEN_TICKET_FILE": places.credential(places.LISTEN_TICKET),
        f"{_RELAY}DIAL_TICKET_FILE": places.credential(places.DIAL_TICKET),
        f"{_RELAY}NETWORK": network,
    }
    if settings.relay.ca_file is not None:
        found[f"{_RELAY}CA_FILE"] = places.credential(places.RELAY_CA)
    return found


def _files(settings: Settings, cvmfs: bool) -> dict[str, str]:
    """As in sessions, so that the same program finds its files in both; the files themselves come over Dask's TLS."""
    uid, grid = settings.pods.uid, settings.cvmfs.grid_security
    found = {
        "HOME": places.SCRATCH,
        "XDG_RUNTIME_DIR": places.RUN,
        "BEARER_TOKEN_FILE": f"{places.RUN}/bt_u{uid}",
        "X509_USER_PROXY": f"{places.RUN}/x509up_u{uid}",
    }
    if cvmfs and grid:
        found["X509_CERT_DIR"] = f"{grid}/certificates"
        found["X509_VOMS_DIR"] = f"{grid}/vomsdir"
        found["VOMS_USERCONF"] = f"{grid}/vomses"
    return found


def _entries(users: Mapping[str, str], ours: Mapping[str, str], *, direct: bool) -> list[dict[str, Any]]:
    """The user's variables byte for byte, then ours in their place where the names are the same."""
    plain = {name: value.replace("$", "$$") for name, value in users.items()} | dict(ours)
    entries: list[dict[str, Any]] = [{"name": name, "value": plain[name]} for name in sorted(plain)]
    if direct:
        address = {"fieldRef": {"fieldPath": "status.podIP"}}
        entries.append({"name": f"{_RELAY}DIRECT_HOST", "valueFrom": address})
    return entries
