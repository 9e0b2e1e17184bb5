"""The hub's configuration, made of the chart's values.

The order is the one that Zero to JupyterHub documents, the last word wins: what the chart decides, the keys of hub and
singleuser, hub.config, files in jupyterhub_config.d, hub.extraConfig.
"""

import os
import sys
from pathlib import Path
from typing import Any

PLACE = Path(__file__).parent
sys.path.insert(0, str(PLACE))

from z2jh import get_config, get_name, get_secret_value  # noqa: E402

c: Any = globals()["c"]  # traitlets lays it there

# Key of the values below `hub` or `singleuser`, and the trait that it sets as it is.
HUB = {
    "activeServerLimit": "active_server_limit",
    "allowNamedServers": "allow_named_servers",
    "authenticatePrometheus": "authenticate_prometheus",
    "baseUrl": "base_url",
    "concurrentSpawnLimit": "concurrent_spawn_limit",
    "namedServerLimitPerUser": "named_server_limit_per_user",
    "redirectToServer": "redirect_to_server",
    "shutdownOnLogout": "shutdown_on_logout",
    "templatePaths": "template_paths",
    "templateVars": "template_vars",
}
USER_POD = {
    "allowPrivilegeEscalation": "allow_privilege_escalation",
    "cpu.guarantee": "cpu_guarantee",
    "cpu.limit": "cpu_limit",
    "events": "events_enabled",
    "extraAnnotations": "extra_annotations",
    "extraContainers": "extra_containers",
    "extraEnv": "environment",
    "extraLabels": "extra_labels",
    "extraNodeAffinity.preferred": "node_affinity_preferred",
    "extraNodeAffinity.required": "node_affinity_required",
    "extraPodAffinity.preferred": "pod_affinity_preferred",
    "extraPodAffinity.required": "pod_affinity_required",
    "extraPodAntiAffinity.preferred": "pod_anti_affinity_preferred",
    "extraPodAntiAffinity.required": "pod_anti_affinity_required",
    "extraPodConfig": "extra_pod_config",
    "extraResource.guarantees": "extra_resource_guarantees",
    "extraResource.limits": "extra_resource_limits",
    "fsGid": "fs_gid",
    "image.pullPolicy": "image_pull_policy",
    "initContainers": "init_containers",
    "lifecycleHooks": "lifecycle_hooks",
    "memory.guarantee": "mem_guarantee",
    "memory.limit": "mem_limit",
    "nodeSelector": "node_selector",
    "podNameTemplate": "pod_name_template",
    "profileList": "profile_list",
    "serviceAccountName": "service_account",
    "startTimeout": "start_timeout",
    "storage.extraLabels": "storage_extra_labels",
    "uid": "uid",
}
HOME = {
    "storage.capacity": "storage_capacity",
    "storage.dynamic.pvcNameTemplate": "pvc_name_template",
    "storage.dynamic.storageAccessModes": "storage_access_modes",
    "storage.dynamic.storageClass": "storage_class",
}
# Key below `cull`, and the option of jupyterhub-idle-culler; zero and nothing leave it out.
CULLER = {"timeout": "timeout", "every": "cull-every", "concurrency": "concurrency", "maxAge": "max-age"}
DATABASES = {"sqlite-pvc": "sqlite:///jupyterhub.sqlite", "sqlite-memory": "sqlite://"}
PASSWORD_VARIABLES = {"mysql": "MYSQL_PWD", "postgres": "PGPASSWORD"}
# In the Secret of the hub, and so nowhere else.
SECRET_TRAITS = {
    "JupyterHub": {"cookie_secret", "proxy_auth_token", "services"},
    "ConfigurableHTTPProxy": {"auth_token"},
    "CryptKeeper": {"keys"},
}


def set_from(section: Any, prefix: str, table: dict[str, str]) -> None:
    """Set the traits of a table whose values are there."""
    for key, trait in table.items():
        value = get_config(f"{prefix}.{key}")
        if value is not None:
            setattr(section, trait, value)


def hub_and_proxy() -> None:
    """Where hub, proxy and database are; servers of users outlive a hub."""
    c.JupyterHub.hub_bind_url = "http://:8081"
    c.JupyterHub.hub_connect_url = f"http://{get_name('hub')}:8081"
    c.JupyterHub.cleanup_servers = False
    c.JupyterHub.last_activity_interval = 60
    c.JupyterHub.tornado_settings = {"slow_spawn_timeout": 0}
    c.JupyterHub.spawner_class = "kubespawner.KubeSpawner"
    c.ConfigurableHTTPProxy.should_start = False
    c.ConfigurableHTTPProxy.api_url = f"http://{get_name('proxy-api')}:8001"
    kind = get_config("hub.db.type")
    url = DATABASES.get(kind) or get_config("hub.db.url")
    if url:
        c.JupyterHub.db_url = url
    password = get_secret_value("hub.db.password", None)
    if password and kind in PASSWORD_VARIABLES:
        os.environ[PASSWORD_VARIABLES[kind]] = password
    set_from(c.JupyterHub, "hub", HUB)
    c.Spawner.consecutive_failure_limit = get_config("hub.consecutiveFailureLimit") or 0
    if get_config("debug.enabled"):
        c.JupyterHub.log_level = "DEBUG"
        c.Spawner.debug = True


def user_pods() -> None:
    """Everything of `singleuser` but volumes, with the labels that the NetworkPolicies select by."""
    pod = c.KubeSpawner
    name, chart = get_config("nameOverride") or "jupyterhub", get_config("Chart")
    release, label = get_config("Release.Name"), f"{chart['Name']}-{chart['Version'].replace('+', '_')}"
    pod.common_labels = {
        **dict.fromkeys(("app", "app.kubernetes.io/name"), name),
        **dict.fromkeys(("release", "app.kubernetes.io/instance"), release),
        **dict.fromkeys(("chart", "helm.sh/chart"), label),
        "app.kubernetes.io/managed-by": "kubespawner",
    }
    pod.namespace = os.environ.get("POD_NAMESPACE", "default")
    set_from(pod, "singleuser", USER_POD)
    pod.allow_privilege_escalation = get_config("singleuser.allowPrivilegeEscalation")
    pod.image = ":".join(filter(None, (get_config("singleuser.image.name"), get_config("singleuser.image.tag"))))
    pull_secrets = [*get_config("imagePullSecrets", []), *get_config("singleuser.image.pullSecrets", [])]
    if pull_secrets:
        pod.image_pull_secrets = pull_secrets
    pod.tolerations = [*get_config("scheduling.userPods.tolerations"), *get_config("singleuser.extraTolerations")]
    term = {"matchExpressions": [{"key": "hub.jupyter.org/node-purpose", "operator": "In", "values": ["user"]}]}
    purpose = get_config("scheduling.userPods.nodeAffinity.matchNodePurpose")
    if purpose == "prefer":
        pod.node_affinity_preferred = [
            *get_config("singleuser.extraNodeAffinity.preferred"),
            {"weight": 100, "preference": term},
        ]
    elif purpose == "require":
        pod.node_affinity_required = [*get_config("singleuser.extraNodeAffinity.required"), term]
    c.Spawner.cmd = get_config("singleuser.cmd")
    default_url = get_config("singleuser.defaultUrl")
    if default_url:
        c.Spawner.default_url = default_url


def user_volumes() -> None:
    """Home, files and further volumes: dictionaries, so that what comes later may change one of them."""
    storage = get_config("singleuser.storage")
    volumes: dict[str, Any] = {}
    mounts: dict[str, Any] = {}
    kind = storage["type"]
    if kind != "none":
        name = storage["dynamic"]["volumeNameTemplate"] if kind == "dynamic" else "home"
        claim = "{pvc_name}" if kind == "dynamic" else storage["static"]["pvcName"]
        volumes[name] = {"name": name, "persistentVolumeClaim": {"claimName": claim}}
        mounts[name] = {"name": name, "mountPath": storage["homeMountPath"], "subPath": storage[kind]["subPath"]}
    if kind == "dynamic":
        c.KubeSpawner.storage_pvc_ensure = True
        set_from(c.KubeSpawner, "singleuser", HOME)
    files = get_config("singleuser.extraFiles", {})
    if files:
        items = [
            {"key": key, "path": key, **({"mode": file["mode"]} if "mode" in file else {})}
            for key, file in files.items()
        ]
        volumes["files"] = {"name": "files", "secret": {"secretName": get_name("singleuser"), "items": items}}
        for key, file in files.items():
            mounts[f"files-{key}"] = {"name": "files", "mountPath": file["mountPath"], "subPath": key}
    for target, more in ((volumes, storage["extraVolumes"]), (mounts, storage["extraVolumeMounts"])):
        listed = (
            {f"{each['name']}-{place}": each for place, each in enumerate(more)} if isinstance(more, list) else more
        )
        target.update(listed or {})
    c.KubeSpawner.volumes = volumes
    c.KubeSpawner.volume_mounts = mounts


def services_and_roles() -> None:
    """The idle culler, and what hub.services and hub.loadRoles name; tokens come from the Secret."""
    services: list[dict[str, Any]] = []
    roles: list[dict[str, Any]] = []
    cull = get_config("cull")
    if cull["enabled"]:
        name = "jupyterhub-idle-culler"
        api = f"http://localhost:8081{(get_config('hub.baseUrl') or '/').rstrip('/')}/hub/api"
        command = [sys.executable, "-m", "jupyterhub_idle_culler", f"--url={api}"]
        command += [f"--{option}={cull[key]}" for key, option in CULLER.items() if cull[key]]
        command += ["--cull-users"] if cull["users"] else []
        command += [] if cull["adminUsers"] else ["--cull-admin-users=false"]
        command += ["--remove-named-servers"] if cull["removeNamedServers"] else []
        scopes = ["list:users", "read:users:activity", "read:servers", "delete:servers"]
        services.append({"name": name, "command": command})
        roles.append({"name": name, "services": [name], "scopes": scopes + ["admin:users"] * bool(cull["users"])})
    for key, service in get_config("hub.services").items():
        about = {each: value for each, value in service.items() if each != "apiToken"}
        services.append({"name": key, **about, "api_token": get_secret_value(f"hub.services.{key}.apiToken")})
    roles += [{"name": key, **role} for key, role in get_config("hub.loadRoles").items()]
    c.JupyterHub.services = services
    c.JupyterHub.load_roles = roles


def pass_through() -> None:
    """Secrets, then hub.config: sections are names of classes, and a misplaced key must not go unnoticed."""
    c.JupyterHub.cookie_secret = get_secret_value("hub.config.JupyterHub.cookie_secret")
    c.CryptKeeper.keys = get_secret_value("hub.config.CryptKeeper.keys").split(";")
    for section, traits in get_config("hub.config").items():
        if not section[:1].isupper():
            sys.exit(f"hub.config.{section} is not the name of a class; is it meant to be hub.{section}?")
        hidden = SECRET_TRAITS.get(section, set())
        c[section].update({trait: value for trait, value in traits.items() if trait not in hidden})


hub_and_proxy()
user_pods()
user_volumes()
services_and_roles()
pass_through()
for file in sorted((PLACE / "jupyterhub_config.d").glob("*.py")):
    exec(compile(file.read_text(encoding="utf-8"), str(file), "exec"))  # noqa: S102
for key, code in sorted(get_config("hub.extraConfig").items()):
    exec(compile(code, f"hub.extraConfig.{key}", "exec"))  # noqa: S102
