"""What a session's programs are told by environment variables: places, never tokens."""

from hub_config.settings import Platform
from hub_config.spawn.options import Session
from hub_config.spawn.volumes import CA_FOLDER, RUN_PATH


def environment(platform: Platform, session: Session) -> dict[str, str]:
    """The variables that are ours; no administrator's variable takes their place."""
    run, uid = RUN_PATH, platform.home.uid
    found = {
        "HOME": platform.home.mount_path,
        "XDG_RUNTIME_DIR": run,
        # WLCG's bearer token discovery reads this variable second, after a token in the environment
        "BEARER_TOKEN_FILE": f"{run}/bt_u{uid}",
        "X509_USER_PROXY": f"{run}/x509up_u{uid}",
    }
    if platform.tokens.url:
        found["HIGHRATE_TOKENS_URL"] = platform.tokens.url
        if platform.tokens.profile:
            found["HIGHRATE_TOKEN_PROFILE"] = platform.tokens.profile
        if platform.tokens.ca_config_map:
            found["HIGHRATE_CA_FILE"] = f"{CA_FOLDER}/ca.crt"
    if session.offload and platform.dask.enabled and platform.dask.url:
        # Dask's own names: they reach its configuration in images that have no file of ours
        found["DASK_GATEWAY__ADDRESS"] = platform.dask.url
        found["DASK_GATEWAY__AUTH__TYPE"] = "jupyterhub"
        found["DASK_GATEWAY__CLUSTER__OPTIONS__IMAGE"] = session.image
    grid = platform.cvmfs.grid_security
    if platform.cvmfs.mode != "none" and grid:
        found["X509_CERT_DIR"] = f"{grid}/certificates"
        found["X509_VOMS_DIR"] = f"{grid}/vomsdir"
        found["VOMS_USERCONF"] = f"{grid}/vomses"
    return found
