"""How one HTCondor is started in the site's machine: pool, compute element, or a worker."""

from collections.abc import Sequence

STOP = "SIGKILL"
"""Queues are made to survive this, and jobs that could end in peace don't outlive a stop anyway."""

# The inner shell is the namespace's init, for the kernel's "end with your parent" is forgotten when a process changes its user,
# as the master does all the time.
_START = """\
install -d -o condor -g condor "$@"
exec unshare --pid --mount-proc --fork --kill-child sh -c 'condor_master -f; exit $?'
"""


def command(name: str, folders: Sequence[str]) -> tuple[str, ...]:
    """The command of one HTCondor, in a process namespace of its own.

    Whatever way its master ends, all its daemons and jobs end with it; orphans of a killed master would keep the port busy for
    minutes. Folders come first: some lie on a tmpfs, and init may be quicker than a step.
    """
    return ("sh", "-ec", _START, name, *folders)
