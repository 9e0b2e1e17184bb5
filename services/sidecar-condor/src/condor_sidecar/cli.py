"""The command line: `condor-sidecar --config FILE [--check]`."""

from pathlib import Path

from service_runtime.command import service_command

from condor_sidecar.app.service import serve
from condor_sidecar.settings import load

main = service_command("condor-sidecar", load, serve, Path("/etc/condor-sidecar/config.yaml"), "CONDOR_SIDECAR_CONFIG")
