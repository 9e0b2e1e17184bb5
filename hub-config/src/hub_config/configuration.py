"""From the values to JupyterHub's configuration: the one thing that `hub.extraConfig` of the chart calls.

z2jh's own keys come first (`singleuser.*` is `c.KubeSpawner.*` by now) and stay; only what makes the platform's promises is set
over them. A value of z2jh that would have no effect here is an error, not a surprise.
"""

from importlib import resources
from typing import Any

from hub_config.configured import by_name, given, inherited
from hub_config.conflicts import conflicts
from hub_config.redaction import install as install_redaction
from hub_config.settings import ConfigurationError, Platform, parse
from hub_config.spawn import security
from hub_config.spawn.volumes import PVC_NAME_TEMPLATE, mounts, volumes

# A REST request with refused options is to be answered with 400, not with 202 and a failure that nobody sees. z2jh sets 0, which
# answers before anything was looked at; this is JupyterHub's own. The spawn page waits a second, whatever it is.
_SLOW_SPAWN_SECONDS = 10


def configure(c: Any, data: object) -> None:
    """Set up the hub for `data`, the values under `jupyterhub.custom.highrate`. Raises ConfigurationError with every problem."""
    try:
        platform = parse(data)
    except ConfigurationError as error:
        raise ConfigurationError([*error.problems, *conflicts(c, None)]) from error
    problems = conflicts(c, platform)
    if problems:
        raise ConfigurationError(problems)
    _configure_hub(c, platform)
    _configure_spawner(c, platform)
    install_redaction()


def _configure_hub(c: Any, platform: Platform) -> None:
    templates = resources.files("hub_config") / "pages" / "templates"
    c.JupyterHub.template_paths = [*given(c.JupyterHub, "template_paths", []), str(templates)]
    c.JupyterHub.template_vars = {
        **given(c.JupyterHub, "template_vars", {}),
        "highrate_request_url": platform.access.request_url,
        "highrate_contact": platform.access.contact,
    }
    # a dict that z2jh filled: replacing it would lose what is in it
    settings = {**given(c.JupyterHub, "tornado_settings", {}), "slow_spawn_timeout": _SLOW_SPAWN_SECONDS}
    c.JupyterHub.tornado_settings = settings


def _configure_spawner(c: Any, platform: Platform) -> None:
    spawner = c.PlatformSpawner
    spawner.platform = platform
    # A failed start is the user's image or the cluster's load as often as the hub's fault: with z2jh's 5 (which is set for all
    # spawners, hence the subclass's section), five wrong image names in a row would end the hub for everybody.
    spawner.setdefault("consecutive_failure_limit", 0)
    home = platform.home
    traits: dict[str, Any] = {
        **security.traits(home),
        "working_dir": home.mount_path,
        "storage_pvc_ensure": True,
        "pvc_name_template": PVC_NAME_TEMPLATE,
        "storage_capacity": home.capacity,
        "storage_access_modes": home.access_modes,
        # nothing is the cluster's default, while an empty name is a volume without a class
        "storage_class": home.storage_class or None,
        # a deleted user's files are an administrator's decision, not a side effect
        "delete_pvc": False,
        "volumes": {**by_name(inherited(c, "volumes", {})), **volumes(platform)},
        "volume_mounts": {**by_name(inherited(c, "volume_mounts", {})), **mounts(platform)},
        # without it Kubernetes adds a variable for each service of the namespace
        "extra_pod_config": {**inherited(c, "extra_pod_config", {}), "enableServiceLinks": False},
    }
    for name, value in traits.items():
        setattr(spawner, name, value)
