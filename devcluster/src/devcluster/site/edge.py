"""The edge: for each endpoint the proxy that callers meet, the API server and the sidecar behind it, and the token's keeper.

All of them run as one unprivileged account from the services' image, unpacked; only the proxy listens on the network.
"""

from collections.abc import Mapping
from pathlib import PurePosixPath

from devcluster.iam.registry import SIDECAR as SIDECAR_CLIENT
from devcluster.iam.registry import Secrets
from devcluster.images import cvmfs
from devcluster.images.reference import Image
from devcluster.machine import Machine, Program
from devcluster.network import Network
from devcluster.paths import content_key
from devcluster.pki import Authority
from devcluster.site import edge_config, layout
from devcluster.site.machine import certificate

_FIRST = 30


def program_name(mode: str, service: str) -> str:
    return f"edge-{mode}-{service}"


def start(
    machine: Machine, network: Network, services: Image, known: Secrets, lets: Mapping[str, object] | None = None
) -> None:
    """Start or repair the services of every endpoint; `lets`: further keys of the sidecars' configuration."""
    tree = f"{cvmfs.FLAT}/{services.tree.name}{layout.SERVICES}"
    machine.run(["ln", "-sfn", tree, layout.SERVICES])
    shared = _shared_files(machine, network, known)
    for endpoint in layout.ENDPOINTS.values():
        files = edge_config.files(endpoint, lets)
        _start_endpoint(machine, endpoint, files, content_key(services.tag, shared))


def _shared_files(machine: Machine, network: Network, known: Secrets) -> str:
    """Write certificates and the client's secret for the edge's account alone; returns a key of their content."""
    pair = certificate(network)
    contents = {
        edge_config.CA: Authority(machine.checkout.pki).pair.certificate.read_text(),
        edge_config.CERTIFICATE: pair.certificate.read_text(),
        edge_config.KEY: pair.key.read_text(),
        edge_config.CLIENT_SECRET: known.clients[SIDECAR_CLIENT],
    }
    for place, text in contents.items():
        machine.write(str(place), text, mode=0o600)
    machine.run(["chown", layout.EDGE_ACCOUNT, *(str(place) for place in contents)])
    return content_key(*contents.values())


def _start_endpoint(
    machine: Machine, endpoint: layout.Endpoint, files: Mapping[PurePosixPath, str], made_of: str
) -> None:
    folders = edge_config.EdgeFolders(endpoint)
    own = ["install", "-d", "-o", layout.EDGE_ACCOUNT, "-g", layout.EDGE_ACCOUNT, "-m", "700"]
    machine.run([*own, str(folders.run), str(folders.data)])
    for place, text in files.items():
        machine.write(str(place), text)
    for order, service in enumerate(edge_config.SERVICES, start=_FIRST):
        text = files[folders.file(service)]
        argv = (f"{layout.SERVICES}/bin/{service}", "--config", str(folders.file(service)))
        # What the program was started with is part of its description: a change starts it again.
        env = {"EDGE_FILES": content_key(made_of, text), "PATH": f"{layout.SERVICES}/bin:/usr/bin:/bin"}
        name = program_name(endpoint.mode, service)
        machine.supervise(
            Program(name, argv, env=env, cwd=str(folders.data), user=layout.EDGE_ACCOUNT, order=order, stop_seconds=35)
        )
