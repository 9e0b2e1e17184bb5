"""Configuration of the API server: the Go server's YAML keys and environment variables, and a few keys of our own."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import pydantic
from service_runtime.listen import Listen
from service_runtime.setting_types import host_port
from service_runtime.settings import Section, load_settings
from service_runtime.tls import TlsFiles

ENVIRONMENT = {
    "INTERLINKURL": "InterlinkAddress",
    "INTERLINKPORT": "InterlinkPort",
    "SIDECARURL": "SidecarURL",
    "SIDECARPORT": "SidecarPort",
}
DEFAULT_CONFIG = Path("/etc/interlink/InterLinkConfig.yaml")
CONFIG_VARIABLE = "INTERLINKCONFIGPATH"
WITHOUT_EFFECT = {
    "DataRootFolder": "this server keeps no files; plugins that share the file read it",
    "Pprof": "the profiler is Go's",
}


class TlsKeys(Section):
    """The server's certificate, used with an https address; with `CACertFile` callers must show a certificate of it."""

    Enabled: bool = False
    CertFile: str = ""
    KeyFile: str = ""
    CACertFile: str = ""


class PprofKeys(Section):
    """Go's profiler: accepted so that a file can be shared with the Go server, without effect here."""

    Enabled: bool = False
    Address: str = ""
    Port: int = 0


class ServerSettings(Section):
    """The whole file. Ports may be written as numbers or text; keys of the Go server keep its spelling."""

    model_config = pydantic.ConfigDict(coerce_numbers_to_str=True)

    InterlinkAddress: str
    """Where to listen: unix:///path, http://host or https://host."""
    InterlinkPort: str = ""
    """Port of an http or https address."""
    SidecarURL: str
    """Where the plugin listens: unix:///path or http://host."""
    SidecarPort: str = ""
    """Port of an http plugin."""
    JobScriptBuildConfig: dict[str, Any] | None = None
    """What a job script builder is told; without it requests that name a builder are refused."""
    JobScriptTemplate: str = ""
    """Refused: a template in Go's language, which this server does not speak."""
    VerboseLogging: bool = False
    """Log at level debug."""
    ErrorsOnlyLogging: bool = False
    """Log errors only, unless `VerboseLogging`."""
    DataRootFolder: str = ""
    """Used by plugins that share this file."""
    TLS: TlsKeys = TlsKeys()
    Pprof: PprofKeys = PprofKeys()

    BodyLimitMiB: int = pydantic.Field(default=32, ge=1, le=1024)
    """Largest request body; a larger one gets 413."""
    ReplyLimitMiB: int = pydantic.Field(default=64, ge=1, le=1024)
    """Largest reply of the plugin that is read; a larger one is as good as none."""
    MetricsAddress: str = ""
    """host:port of metrics and health; empty: none."""
    CreateFormat: Literal["auto", "object", "list"] = "auto"
    """How the plugin takes a create: `auto` sends an object and, on 422, a list of one as plugins before 0.5 expect."""
    StatusBatch: Literal["auto", "single"] = "auto"
    """`auto` asks the plugin for many pods in one call and finds out whether it can; `single` asks for each alone."""

    @pydantic.field_validator("MetricsAddress")
    @classmethod
    def _served(cls, value: str) -> str:
        return host_port(value) if value else ""

    @pydantic.model_validator(mode="after")
    def _consistent(self) -> "ServerSettings":
        problems = []
        for name, build in (("InterlinkAddress", self._listen), ("SidecarURL", self.plugin_url)):
            try:
                build()
            except ValueError as error:
                problems.append(f"{name}: {error}")
        if self.JobScriptTemplate:
            problems.append("JobScriptTemplate: Go templates are not supported; let the virtual kubelet name a builder")
        if self.InterlinkAddress.startswith("https") and not (self.TLS.CertFile and self.TLS.KeyFile):
            problems.append("TLS: an https address needs CertFile and KeyFile")
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @property
    def listen(self) -> Listen:
        """The address to listen on."""
        return self._listen()

    def _listen(self) -> Listen:
        return Listen.parse(_with_port(self.InterlinkAddress, self.InterlinkPort))

    def plugin_url(self) -> str:
        """The plugin's address. Raises ValueError."""
        url = _with_port(self.SidecarURL, self.SidecarPort)
        if Listen.parse(url).scheme == "https":
            raise ValueError("the plugin's address must be unix:// or http://")
        return url

    @property
    def tls_files(self) -> TlsFiles | None:
        """The certificate of an https address."""
        if not self.InterlinkAddress.startswith("https"):
            return None
        ca = Path(self.TLS.CACertFile) if self.TLS.CACertFile else None
        return TlsFiles(cert=Path(self.TLS.CertFile), key=Path(self.TLS.KeyFile), client_ca=ca)

    @property
    def reply_limit(self) -> int:
        """In bytes."""
        return self.ReplyLimitMiB * 1024 * 1024

    @property
    def body_limit(self) -> int:
        """In bytes."""
        return self.BodyLimitMiB * 1024 * 1024


def load_server_settings(path: Path, environ: Mapping[str, str]) -> ServerSettings:
    """Read the file; environment variables win over it, unknown keys are warned about. Raises SettingsError."""
    overrides = {key: environ[name] for name, key in ENVIRONMENT.items() if environ.get(name)}
    return load_settings(ServerSettings, path, overrides, unknown="warn")


def _with_port(address: str, port: str) -> str:
    return address if address.startswith("unix://") or not port else f"{address.rstrip('/')}:{port}"
