"""Values that would have no effect here, or would break every session: told when the hub starts, never dropped in silence.

The chart stops an upgrade with the same, and with the YAML to write. Here it is once more for what the chart can't see: values of
the Secret that `hub.existingSecret` names, files in jupyterhub_config.d, Python in `hub.extraConfig`.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from hub_config.configured import SECTIONS, by_name, given, inherited
from hub_config.configured_login import login_problems
from hub_config.configured_pod import is_blocker, refused
from hub_config.settings import SOURCE, Platform
from hub_config.spawn.environment import environment
from hub_config.spawn.options import Session
from hub_config.spawn.volumes import HOME_VOLUME, mounts, volumes

PAGE_VARIABLES = {"highrate_request_url": "access.requestUrl", "highrate_contact": "access.contact"}
SPAWNER = "platform"
# A session of every kind at once: all variables that one can be given.
_ANY_SESSION = Session(image="any:1", cores=1, memory=1, offload=True)
_RESTRICTED = "sessions are of the restricted Pod Security standard"
_OURS = f"{SOURCE}."


class Taken(NamedTuple):
    """A trait that the platform sets itself, whatever else is configured."""

    trait: str
    key: str
    """The value that z2jh makes it of; empty: none, only `hub.config` reaches it."""
    accepted: tuple[object, ...]
    """What may be configured all the same: z2jh's own default, or what it is anyway."""
    instead: str
    """What has the effect, or why nothing has."""


TAKEN = (
    Taken("image", "singleuser.image.name", (), f"users choose from {_OURS}catalogue.images"),
    Taken("cpu_limit", "singleuser.cpu.limit", (), f"users choose from {_OURS}catalogue.cores"),
    Taken("cpu_guarantee", "singleuser.cpu.guarantee", (), f"write {_OURS}catalogue.guarantee.cores"),
    Taken("mem_limit", "singleuser.memory.limit", (), f"users choose from {_OURS}catalogue.memory"),
    Taken("mem_guarantee", "singleuser.memory.guarantee", ("1G",), f"write {_OURS}catalogue.guarantee.memory"),
    Taken("uid", "singleuser.uid", (1000,), f"write {_OURS}home.uid"),
    Taken("gid", "", (), f"write {_OURS}home.gid"),
    Taken("fs_gid", "singleuser.fsGid", (100,), f"write {_OURS}home.gid"),
    Taken("allow_privilege_escalation", "singleuser.allowPrivilegeEscalation", (False,), _RESTRICTED),
    Taken("privileged", "", (False,), _RESTRICTED),
    Taken("container_security_context", "", (), _RESTRICTED),
    Taken("pod_security_context", "", (), _RESTRICTED),
    Taken("automount_service_account_token", "", (False,), "sessions have no Kubernetes token"),
    Taken("working_dir", "", (), f"write {_OURS}home.mountPath"),
    Taken("storage_capacity", "singleuser.storage.capacity", ("10Gi",), f"write {_OURS}home.capacity"),
    Taken("storage_class", "singleuser.storage.dynamic.storageClass", (), f"write {_OURS}home.storageClass"),
    Taken(
        "storage_access_modes",
        "singleuser.storage.dynamic.storageAccessModes",
        (["ReadWriteOnce"],),
        f"write {_OURS}home.accessModes",
    ),
    Taken(
        "pvc_name_template",
        "singleuser.storage.dynamic.pvcNameTemplate",
        (),
        "the home of a user is the claim claim-USER",
    ),
    Taken("delete_pvc", "", (False,), "homes are kept when a user is deleted"),
    Taken("profile_list", "singleuser.profileList", ([],), f"put images into {_OURS}catalogue.images"),
    Taken("profile_form_template", "", (), "the spawn page is the platform's"),
    Taken("additional_profile_form_template_paths", "", (), "the spawn page is the platform's"),
)
# z2jh always names an image.
_SAMPLE = "quay.io/jupyterhub/k8s-singleuser-sample:"
# z2jh's own, and none, which is what we set
_FAILURE_LIMITS = (5, 0)


def conflicts(c: Any, platform: Platform | None) -> list[str]:
    """What is configured and contradicts the platform; without its values (which can't be read), as much as can be said."""
    found = [*_of_z2jhs_pods(c), *_ineffective_traits(c), *_ineffective_for_the_hub(c), *login_problems(c)]
    if platform is not None:
        found += [*_ineffective_variables(c, platform), *_colliding_volumes(c, platform), *refused(c, platform)]
    return found


def _ineffective_traits(c: Any) -> Iterator[str]:
    for taken in TAKEN:
        for section in SECTIONS:
            value = given(c[section], taken.trait, None)
            if value is None or value in taken.accepted or _is_z2jhs_image(taken, value):
                continue
            # z2jh writes what is below singleuser to KubeSpawner
            what = f"{taken.key} (KubeSpawner.{taken.trait})" if taken.key and section == "KubeSpawner" else ""
            yield f"{what or f'hub.config.{section}.{taken.trait}'}: has no effect here; {taken.instead}"


def _is_z2jhs_image(taken: Taken, value: object) -> bool:
    return taken.trait == "image" and str(value).startswith(_SAMPLE)


def _ineffective_variables(c: Any, platform: Platform) -> Iterator[str]:
    ours = environment(platform, _ANY_SESSION)
    for name, value in inherited(c, "environment", {}).items():
        if name in ours and value is not None:
            yield f"singleuser.extraEnv.{name}: has no effect here; the platform tells every session its own"


def _colliding_volumes(c: Any, platform: Platform) -> Iterator[str]:
    """Kubernetes takes no pod in which two volumes have one name, or two mounts one path."""
    names = volumes(platform)
    paths = {name: str(place["mountPath"]) for name, place in mounts(platform).items()}
    for name, path in paths.items():
        if name != HOME_VOLUME and f"{platform.home.mount_path}/".startswith(f"{path}/"):
            yield f"{_OURS}home.mountPath: the platform mounts something else at {path}; choose another path"
    for key, volume in by_name(inherited(c, "volumes", {})).items():
        if key in names or volume.get("name") in names:
            yield f"singleuser.storage.extraVolumes: {volume.get('name', key)} is the platform's; choose another name"
    for mount in by_name(inherited(c, "volume_mounts", {})).values():
        if str(mount.get("mountPath", "")).rstrip("/") in paths.values():
            yield f"singleuser.storage.extraVolumeMounts: the platform mounts {mount['mountPath']}; choose another path"


def _ineffective_for_the_hub(c: Any) -> Iterator[str]:
    if inherited(c, "extra_pod_config", {}).get("enableServiceLinks"):
        yield "singleuser.extraPodConfig.enableServiceLinks: has no effect here; sessions don't see the namespace's services"
    for section in SECTIONS[:-1]:
        if given(c[section], "consecutive_failure_limit", 0) not in _FAILURE_LIMITS:
            yield (
                "hub.consecutiveFailureLimit: has no effect here; write "
                "hub.config.PlatformSpawner.consecutive_failure_limit if failed starts are to end the hub"
            )
    if given(given(c.JupyterHub, "tornado_settings", {}), "slow_spawn_timeout", 0):
        yield "hub.config.JupyterHub.tornado_settings.slow_spawn_timeout: has no effect here; refusals by REST need ours"
    for name, key in PAGE_VARIABLES.items():
        if given(c.JupyterHub, "template_vars", {}).get(name) is not None:
            yield f"hub.templateVars.{name}: has no effect here; write {_OURS}{key}"
    spawner = given(c.JupyterHub, "spawner_class", SPAWNER)
    if isinstance(spawner, str) and spawner != SPAWNER:
        yield f"hub.config.JupyterHub.spawner_class: {spawner} would not read {SOURCE}; write {SPAWNER}"


def _of_z2jhs_pods(c: Any) -> Iterator[str]:
    if inherited(c, "storage_pvc_ensure", False):
        yield f"singleuser.storage.type: set it to none; the home is {_OURS}home"
    if any(map(is_blocker, by_name(inherited(c, "init_containers", [])).values())):
        yield (
            "singleuser.cloudMetadata.blockWithIptables: set it to false; it needs a privileged container, "
            "policies do the same"
        )
