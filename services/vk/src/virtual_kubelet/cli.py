"""The command line: `virtual-kubelet --config FILE [--check] [--log-level LEVEL]`."""

from service_runtime.command import service_command

from virtual_kubelet.app import serve
from virtual_kubelet.settings import CONFIG_VARIABLE, DEFAULT_CONFIG, load

main = service_command("virtual-kubelet", load, serve, DEFAULT_CONFIG, CONFIG_VARIABLE)
