"""What an image must hold, in numbers. docs/images.md says it in words; the platform's own images are tested against it."""

VERSION = "1"
LABEL = "highrate.contract"
OFFLOAD_LABEL = "highrate.offload"

HOME = "/home/jovyan"
"""Where a platform mounts a person's home, unless its values say otherwise."""
MOUNT_POINTS = ("/cvmfs", "/scratch")

SINGLEUSER = "jupyterhub-singleuser"
CLIENT = "highrate"
SESSION = (CLIENT, "session")
INITS = frozenset(("tini", "tini-static", "dumb-init", "catatonit"))

SESSION_PACKAGES = {"jupyterhub": "5.5", "jupyterlab": "4"}
"""Name and beginning of the version. JupyterHub's is the hub's: both ends speak one protocol."""
OFFLOAD_PACKAGES = {"distributed": "2026.8", "dask": "2026.8", "dask-gateway": "2026.3"}
"""Client, scheduler and workers must be equal, and speak with the platform's gateway."""

PRIVILEGED = ("sudo", "doas", "pkexec")
"""Programs whose only purpose is to become somebody else. Others (su, passwd) do nothing in a pod without privileges."""
