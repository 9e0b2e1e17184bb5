"""What a build inside a root file system needs of the host: its certificates, proxies and package indexes.

Programs that download find their certificate bundle by half a dozen variables; which file is meant is the host's business, so
it is mounted at one place and every variable points there. Nothing of it stays in what is built.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from devcluster.machine import Bind

BUNDLE = "/run/highrate-build/certificates.pem"
_BUNDLE_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT", "NODE_EXTRA_CA_CERTS")
_PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
_PYTHON_INDEXES = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST", "PIP_DEFAULT_TIMEOUT", "PIP_RETRIES")


def host_bundle(environ: Mapping[str, str] = os.environ) -> Path | None:
    """The bundle that the host was told to use, None if it uses its system's own."""
    for name in _BUNDLE_VARIABLES:
        place = Path(environ.get(name) or "/nowhere")
        if place.is_file():
            return place.resolve()
    return None


def certificate_binds() -> list[Bind]:
    bundle = host_bundle()
    return [Bind(bundle, BUNDLE, read_only=True)] if bundle else []


def passed_on(extra: Iterable[str] = (), environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Variables for a build: proxies, the names in ``extra``, and the bundle's new place."""
    names = (*_PROXIES, *extra)
    settings = {name: environ[name] for name in names if environ.get(name)}
    if host_bundle(environ):
        settings.update(dict.fromkeys(_BUNDLE_VARIABLES, BUNDLE))
    return settings


def pip_configuration(environ: Mapping[str, str] = os.environ) -> str:
    """A pip.conf that says what the host's PIP_* variables say, for builds that start with a clean environment."""
    settings = {name.removeprefix("PIP_").lower().replace("_", "-"): environ.get(name, "") for name in _PYTHON_INDEXES}
    settings["cert"] = BUNDLE if host_bundle(environ) else ""
    lines = [f"{name} = {value}" for name, value in settings.items() if value]
    return "\n".join(["[global]", *lines]) + "\n"
