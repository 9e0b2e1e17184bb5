"""From the values to JupyterHub's configuration: the one thing that `hub.extraConfig` of the chart calls.

z2jh's own keys come first (`singleuser.*` is `c.KubeSpawner.*` by now) and stay; only what makes the platform's promises is set
over them. A value of z2jh that would have no effect here is an error, not a surprise.
"""

from collections.abc import Mapping
from importlib import resources
from typing import Any

from hub_config.redaction import install as install_redaction
from hub_config.settings import ConfigurationError, Platform, parse
from hub_config.spawn import security
from hub_config.spawn.volumes import PVC_NAME_TEMPLATE, mounts, volumes

# A REST request with refused options is to be answered with 400, not with 202 and a failure that nobody sees. z2jh sets 0, which
# answers before anything was looked at; this is JupyterHub's own. The spawn page waits a second, whatever it is.
_SLOW_SPAWN_SECONDS = 10


def configure(c: Any, data: object) -> None:
    """Set up the hub for `data`, the values under `jupyterhub.custom.highrate`. Raises ConfigurationError with every problem."""
    problems = _conflicts(c)
    try:
        platform = parse(data)
    except ConfigurationError as error:
        raise ConfigurationError([*error.problems, *problems]) from error
    if problems:
        raise ConfigurationError(problems)
    _configure_hub(c, platform)
    _configure_spawner(c, platform)
    install_redaction()


def _configure_hub(c: Any, platform: Platform) -> None:
    templates = resources.files("hub_config") / "pages" / "templates"
    c.JupyterHub.template_paths = [*_given(c.JupyterHub, "template_paths", []), str(templates)]
    c.JupyterHub.template_vars = {
        **_given(c.JupyterHub, "template_vars", {}),
        "highrate_request_url": platform.access.request_url,
        "highrate_contact": platform.access.contact,
    }
    # a dict that z2jh filled: replacing it would lose what is in it
    settings = {**_given(c.JupyterHub, "tornado_settings", {}), "slow_spawn_timeout": _SLOW_SPAWN_SECONDS}
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
        "storage_access_modes": ["ReadWriteOnce"],
        # a deleted user's files are an administrator's decision, not a side effect
        "delete_pvc": False,
        "volumes": {**_by_name(_given(c.KubeSpawner, "volumes", {})), **volumes(platform)},
        "volume_mounts": {**_by_name(_given(c.KubeSpawner, "volume_mounts", {})), **mounts(platform)},
        # without it Kubernetes adds a variable for each service of the namespace
        "extra_pod_config": {**_given(c.KubeSpawner, "extra_pod_config", {}), "enableServiceLinks": False},
    }
    if home.storage_class:
        traits["storage_class"] = home.storage_class
    for name, value in traits.items():
        setattr(spawner, name, value)


def _conflicts(c: Any) -> list[str]:
    found = []
    if _given(c.KubeSpawner, "profile_list", None):
        found.append(
            "singleuser.profileList: has no effect here; put images into jupyterhub.custom.highrate.catalogue.images"
        )
    if _given(c.KubeSpawner, "storage_pvc_ensure", False):
        found.append("singleuser.storage.type: set it to none; the home is jupyterhub.custom.highrate.home")
    if _given(c.KubeSpawner, "init_containers", None) and any(
        (container.get("securityContext") or {}).get("privileged")
        for container in _by_name(c.KubeSpawner.init_containers).values()
    ):
        found.append(
            "singleuser.cloudMetadata.blockWithIptables: set it to false; it needs a privileged container, policies do the same"
        )
    if _given(c.JupyterHub, "authenticator_class", "") == "iam":
        iam = c.IAMAuthenticator
        found += [
            f"hub.config.IAMAuthenticator.{name}: required, but missing"
            for name in ("issuer", "client_id", "allowed_groups")
            if not _given(iam, name, None) and not (name == "allowed_groups" and _given(iam, "allow_all", False))
        ]
        if not _given(iam, "client_secret_file", "") and not _given(iam, "client_secret", ""):
            found.append("hub.config.IAMAuthenticator.client_secret_file: required, but missing")
    return found


def _given(section: Any, name: str, default: Any) -> Any:
    """What is configured: an attribute of a section that isn't there would be made, as an empty section."""
    return section.get(name, default)


def _by_name(entries: Any) -> dict[str, Any]:
    """Lists and dicts are both allowed by KubeSpawner; as a dict, ours and those of others add up."""
    if isinstance(entries, Mapping):
        return dict(entries)
    return {f"z2jh-{index}": entry for index, entry in enumerate(entries)}
