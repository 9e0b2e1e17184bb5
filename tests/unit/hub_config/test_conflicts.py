"""What else is configured for the hub, beside the platform's values: what is refused, with which words, and what is not."""

from collections.abc import Callable
from typing import Any

import pytest
from hub_config import configure
from hub_config.configured import SECTIONS
from hub_config.conflicts import TAKEN, Taken
from hub_config.settings import ConfigurationError
from kubernetes_asyncio.client import V1Container, V1SecurityContext
from kubespawner import KubeSpawner
from traitlets.config import Config

from tests.unit.hub_config.conftest import configured, values, z2jh

# Set by us over what others set, which stays beside it; or told in words of its own.
BESIDE_OTHERS = {"volumes", "volume_mounts", "extra_pod_config", "platform", "storage_pvc_ensure"}
# z2jh's default values, as they arrive.
Z2JH: dict[str, Any] = {
    "image": "quay.io/jupyterhub/k8s-singleuser-sample:4.4.0",
    "mem_guarantee": "1G",
    "allow_privilege_escalation": False,
    "profile_list": [],
    "init_containers": [],
    "extra_pod_config": {},
    "environment": {},
}
BLOCKER = V1Container(name="block-cloud-metadata", security_context=V1SecurityContext(privileged=True))
PRIVILEGED = {"name": "theirs", "securityContext": {"privileged": True}}
NFS = {"name": "data", "nfs": {"server": "nfs.test", "path": "/data"}}
TOKEN = {"name": "token", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}}
HOOK = {"postStart": {"httpGet": {"host": "10.0.0.1", "port": 80}}}

SENTENCES: list[tuple[str, str, Any, str]] = [
    ("KubeSpawner", "storage_pvc_ensure", True, "singleuser.storage.type: set it to none"),
    ("KubeSpawner", "init_containers", [BLOCKER], "singleuser.cloudMetadata.blockWithIptables: set it to false"),
    (
        "KubeSpawner",
        "init_containers",
        {"one": PRIVILEGED},
        r"singleuser.initContainers \(theirs\): securityContext.privileged is true, .*drop lacks ALL; sessions are of the",
    ),
    (
        "KubeSpawner",
        "extra_containers",
        [{"name": "beside"}],
        r"singleuser.extraContainers \(beside\): securityContext.allowPrivilegeEscalation is not false",
    ),
    ("KubeSpawner", "volumes", [NFS], r"extraVolumes \(data\): nfs is a kind .* make a PersistentVolume and a claim"),
    ("KubeSpawner", "volumes", {"x": TOKEN}, r"extraVolumes \(token\): projected.sources\[0\].serviceAccountToken is"),
    ("KubeSpawner", "volumes", [{"name": "data", "nsf": {}}], "KubeSpawner can make no pod of it .*'nsf'"),
    ("KubeSpawner", "extra_pod_config", {"hostNetwork": True}, "singleuser.extraPodConfig: hostNetwork is set"),
    ("PlatformSpawner", "extra_pod_config", {"host_pid": True}, "singleuser.extraPodConfig: hostPID is set"),
    (
        "KubeSpawner",
        "extra_pod_config",
        {"automountServiceAccountToken": True},
        "singleuser.extraPodConfig: automountServiceAccountToken is not false",
    ),
    (
        "KubeSpawner",
        "extra_annotations",
        {"container.apparmor.security.beta.kubernetes.io/notebook": "unconfined"},
        "singleuser.extraAnnotations: annotations.*unconfined",
    ),
    ("KubeSpawner", "lifecycle_hooks", HOOK, "singleuser.lifecycleHooks or .* lifecycle.postStart.httpGet.host is"),
    (
        "KubeSpawner",
        "extra_container_config",
        {"securityContext": {"runAsUser": 0}},
        "KubeSpawner.extra_container_config: securityContext.runAsUser is 0",
    ),
    ("KubeSpawner", "profile_list", [{}], "singleuser.profileList .* has no effect here; put images into"),
    ("KubeSpawner", "environment", {"HOME": "/root"}, "singleuser.extraEnv.HOME: has no effect here"),
    ("Spawner", "environment", {"X509_CERT_DIR": "/x"}, "singleuser.extraEnv.X509_CERT_DIR: has no effect here"),
    (
        "KubeSpawner",
        "extra_pod_config",
        {"enableServiceLinks": True},
        "extraPodConfig.enableServiceLinks: has no effect",
    ),
    ("KubeSpawner", "volumes", [{"name": "highrate-home"}], "extraVolumes: highrate-home is the platform's"),
    ("KubeSpawner", "volumes", {"highrate-run": {"name": "x"}}, "extraVolumes: x is the platform's"),
    ("KubeSpawner", "volume_mounts", [{"name": "x", "mountPath": "/scratch/"}], "the platform mounts /scratch/"),
    ("Spawner", "consecutive_failure_limit", 9, "hub.consecutiveFailureLimit: has no effect here; write hub.config"),
    ("JupyterHub", "tornado_settings", {"slow_spawn_timeout": 3}, "tornado_settings.slow_spawn_timeout: has no effect"),
    ("JupyterHub", "template_vars", {"highrate_contact": "x"}, "highrate_contact: has no effect .*access.contact"),
    ("JupyterHub", "spawner_class", "simple", "spawner_class: simple would not read jupyterhub.custom.highrate"),
    ("IAMAuthenticator", "issuer", "", "hub.config.IAMAuthenticator.issuer: required"),
    ("IAMAuthenticator", "allowed_groups", set(), "hub.config.IAMAuthenticator.allowed_groups: required"),
    ("IAMAuthenticator", "client_secret", "", "hub.config.IAMAuthenticator.client_secret_file: required"),
    (
        "IAMAuthenticator",
        "allow_existing_users",
        True,
        "IAMAuthenticator.allow_existing_users: whoever was let in once",
    ),
    (
        "Authenticator",
        "allow_existing_users",
        True,
        "hub.config.Authenticator.allow_existing_users: whoever was let in",
    ),
]


@pytest.mark.parametrize(("section", "trait", "value", "words"), SENTENCES, ids=[case[3] for case in SENTENCES])
def test_a_sentence_stops_the_hub(section: str, trait: str, value: Any, words: str) -> None:
    c = z2jh()
    c[section][trait] = value
    with pytest.raises(ConfigurationError, match=words) as refused:
        configure(c, values())
    assert len(refused.value.problems) == 1


@pytest.mark.parametrize("section", SECTIONS)
@pytest.mark.parametrize("taken", TAKEN, ids=lambda taken: taken.trait)
def test_a_trait_of_ours_is_nobody_else_s(taken: Taken, section: str) -> None:
    c = z2jh()
    c[section][taken.trait] = "theirs"
    with pytest.raises(ConfigurationError, match=f"{section}.{taken.trait}.*: has no effect here; ") as refused:
        configure(c, values())
    assert taken.instead in str(refused.value)
    assert (taken.key in str(refused.value)) or section != "KubeSpawner"


def test_the_defaults_of_z2jh_are_no_problem() -> None:
    c = z2jh()
    c.KubeSpawner.update(Z2JH)
    configure(c, values())


@pytest.mark.parametrize("taken", TAKEN, ids=lambda taken: taken.trait)
def test_what_is_accepted_is_accepted_in_every_section(taken: Taken) -> None:
    for section in SECTIONS:
        for value in (None, *taken.accepted):
            c = z2jh()
            c[section][taken.trait] = value
            configure(c, values())


def test_every_trait_that_we_set_is_known_to_be_ours() -> None:
    assert set(configured().PlatformSpawner) - BESIDE_OTHERS <= {taken.trait for taken in TAKEN} | {
        "consecutive_failure_limit"
    }
    assert {taken.trait for taken in TAKEN} <= set(KubeSpawner.class_trait_names(config=True))


@pytest.mark.parametrize(
    "taken", [taken for taken in TAKEN if "profile" not in taken.trait], ids=lambda taken: taken.trait
)
async def test_a_trait_of_ours_has_indeed_no_effect(spawner: Callable[..., Any], taken: Taken) -> None:
    """Set where nobody looks any more, a value is gone all the same."""
    theirs = "registry.test/theirs:1" if taken.trait == "image" else 4711
    plain, changed = configured(), configured()
    changed.KubeSpawner[taken.trait] = changed.Spawner[taken.trait] = theirs
    found = []
    for c in (plain, changed):
        made = spawner(config=c)
        await made.load_user_options()
        found.append(getattr(made, taken.trait))
    assert found[0] == found[1] != theirs


def test_what_others_mount_stays_beside_ours_in_whichever_section() -> None:
    c = z2jh()
    c.PlatformSpawner.volumes = {"data": {"name": "data", "emptyDir": {}}}
    c.PlatformSpawner.volume_mounts = [{"name": "data", "mountPath": "/data"}]
    c.PlatformSpawner.extra_pod_config = {"hostname": "here"}
    configure(c, values())
    assert {"data", "highrate-home"} <= c.PlatformSpawner.volumes.keys()
    assert {"/data", "/scratch"} <= {mount["mountPath"] for mount in c.PlatformSpawner.volume_mounts.values()}
    assert c.PlatformSpawner.extra_pod_config == {"hostname": "here", "enableServiceLinks": False}


@pytest.mark.parametrize("path", ["/scratch", "/scratch/home", "/run/highrate", "/cvmfs/home"])
def test_the_home_lies_in_no_other_folder_of_the_platform_s(path: str) -> None:
    with pytest.raises(ConfigurationError, match=r"home\.mountPath: the platform mounts") as refused:
        configure(z2jh(), values(home={"mountPath": path}))
    assert len(refused.value.problems) == 1


def test_a_home_may_have_a_name_that_begins_as_another() -> None:
    configure(z2jh(), values(home={"mountPath": "/scratches"}))


def test_what_is_allowed_to_a_session_stays_beside_ours() -> None:
    context = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    c = z2jh()
    c.KubeSpawner.volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    c.KubeSpawner.extra_containers.append({"name": "beside", "image": "registry.test/x:1", "securityContext": context})
    c.KubeSpawner.init_containers = {"x": {"name": "before", "image": "registry.test/x:1", "securityContext": context}}
    c.KubeSpawner.extra_pod_config = {"hostNetwork": False}
    configure(c, values(cvmfs={"mode": "hostPath"}))


def test_a_variable_that_the_platform_does_not_set_is_free() -> None:
    c = z2jh()
    c.KubeSpawner.environment = {"X509_CERT_DIR": "/etc/grid-security/certificates"}
    configure(c, values(cvmfs={"mode": "none"}))


def test_a_limit_of_failed_starts_can_be_had() -> None:
    c = z2jh()
    c.PlatformSpawner.consecutive_failure_limit = 9
    configure(c, values())
    assert c.PlatformSpawner.consecutive_failure_limit == 9


def test_problems_of_both_kinds_come_in_one_error() -> None:
    c = Config()
    c.JupyterHub.authenticator_class = "iam"
    c.KubeSpawner.profile_list = [{"display_name": "x"}]
    with pytest.raises(ConfigurationError) as refused:
        configure(c, values(hme={}))
    assert len(refused.value.problems) == 6


@pytest.mark.parametrize(
    ("issuer", "taken"),
    [
        ("https://iam.test", True),
        ("https://iam.test:8443/realms/icsc/", True),
        ("http://localhost:8080/", True),
        ("http://127.0.0.1:8080/", True),
        ("http://[::1]:8080/", True),
        ("http://iam.test/", False),
        ("http://10.0.0.1/", False),
        ("http://localhost.iam.test/", False),
        ("iam.test", False),
        ("https:///iam", False),
        ("https://user@iam.test/", False),
        ("https://iam.test/#x", False),
        ("https://[iam", False),
        ("ftp://iam.test/", False),
    ],
)
def test_the_client_s_secret_travels_encrypted_or_not_at_all(issuer: str, taken: bool) -> None:
    c = z2jh()
    c.IAMAuthenticator.issuer = issuer
    if taken:
        configure(c, values())
        return
    with pytest.raises(ConfigurationError, match=r"hub\.config\.IAMAuthenticator\.issuer: .* must be https") as refused:
        configure(c, values())
    assert len(refused.value.problems) == 1


def test_what_the_authenticator_s_own_section_says_counts() -> None:
    c = z2jh()
    c.Authenticator.update({"enable_auth_state": False, "allow_existing_users": True})
    c.IAMAuthenticator.update({"enable_auth_state": True, "allow_existing_users": False})
    configure(c, values())
