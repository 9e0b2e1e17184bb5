"""The Secret of a cluster: the root of all that belongs to it.

Made before the scheduler's pod, which it owns as that owns the workers: one delete of the Secret ends a cluster, whatever happens
afterwards to whom asked for it.
"""

import base64

from offload_backend.core import names, places
from offload_backend.core.pod import JsonObject
from offload_backend.model.facts import ClusterFacts, Credentials
from offload_backend.model.settings import Settings


def secret(settings: Settings, facts: ClusterFacts, credentials: Credentials) -> JsonObject:
    """The object to apply."""
    files = {
        places.CERTIFICATE: credentials.certificate,
        places.KEY: credentials.key,
        places.API_TOKEN: credentials.api_token.encode(),
    }
    tickets = {"listen": places.LISTEN_TICKET, "dial": places.DIAL_TICKET}
    files |= {tickets[purpose]: ticket.encode() for purpose, ticket in credentials.tickets.items()}
    if credentials.relay_ca is not None:
        files[places.RELAY_CA] = credentials.relay_ca
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": names.secret_name(facts.name),
            "namespace": settings.namespace,
            "labels": names.labels(settings.instance, facts.name, names.SECRET_ROLE),
            "annotations": {names.USER_ANNOTATION: facts.user},
        },
        "type": "Opaque",
        "data": {file: base64.b64encode(content).decode() for file, content in files.items()},
    }
