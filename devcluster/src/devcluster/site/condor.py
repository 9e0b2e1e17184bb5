"""HTCondor's configuration: the pool, and the compute element beside it.

The compute element is a second HTCondor with its own queue and a job router, as HTCondor-CE is; its vocabulary (maxMemory,
xcount, maxWallTime) and its policies are those of HTCondor-CE's default configuration.
"""

import re
from ipaddress import IPv4Address

from devcluster.addresses import CE_NAME, DOMAIN
from devcluster.iam import registry
from devcluster.site import layout

CE_FOLDER = "/etc/condor-ce"
CE_STATE = "/var/lib/condor-ce"

_COMMON = f"""\
use security : recommended_v9_0
CONDOR_HOST = {{collector}}
COLLECTOR_HOST = {{collector}}:{{port}}
USE_SHARED_PORT = True
SHARED_PORT_PORT = {{port}}
NETWORK_INTERFACE = {{address}}
BIND_ALL_INTERFACES = False
ENABLE_IPV6 = False
# the name that clients check against the certificate; every address is advertised with it
HOST_ALIAS = {CE_NAME}
SCHEDD_NAME = {{schedd}}
TRUST_DOMAIN = {DOMAIN}
UID_DOMAIN = {DOMAIN}
FILESYSTEM_DOMAIN = {DOMAIN}

# the master would rewrite kernel settings of the whole host
ENABLE_KERNEL_TUNING = False
LINUX_KERNEL_TUNING_SCRIPT =
# and the starter make cgroups outside of the machine's
BASE_CGROUP =

# tokens for everybody, the file system for daemons and tools on the machine itself
SEC_DEFAULT_AUTHENTICATION_METHODS = FS, SCITOKENS
# without these a client whose token was refused still reads the queue, and looks healthy
SEC_READ_AUTHENTICATION = REQUIRED
SEC_READ_ENCRYPTION = REQUIRED
SEC_READ_INTEGRITY = REQUIRED
AUTH_SSL_SERVER_CERTFILE = {layout.CERTIFICATE}
AUTH_SSL_SERVER_KEYFILE = {layout.KEY}
SCITOKENS_SERVER_AUDIENCE = {registry.SITE_AUDIENCE}
CERTIFICATE_MAPFILE = {layout.CONDOR_FILES}/mapfile
CERTIFICATE_MAPFILE_ASSUME_HASH_KEYS = True

# a site for people who wait: everything is looked at often
SCHEDD_INTERVAL = 5
SCHEDD_MIN_INTERVAL = 1
PERIODIC_EXPR_INTERVAL = 5
MAX_PERIODIC_EXPR_INTERVAL = 5
PERIODIC_EXPR_TIMESLICE = 1
"""

_SLOT = """
NUM_CPUS = {slots.cpus}
MEMORY = {slots.memory_mib}
SLOT_TYPE_1 = 100%
NUM_SLOTS_TYPE_1 = 1
SLOT_TYPE_1_PARTITIONABLE = {partitionable}
# seconds of processor time at each start, for a figure that no job here asks for
RunBenchmarks = False
# disk that isn't there (MB): what jobs reserve must not limit their number on a development machine
RESERVED_DISK = -{slots.spare_disk_mb}
UPDATE_INTERVAL = 5
CLAIM_WORKLIFE = 60
"""

_POOL = f"""
DAEMON_LIST = MASTER SHARED_PORT COLLECTOR NEGOTIATOR SCHEDD {{startd}}
EXECUTE = {layout.EXECUTE}
NEGOTIATOR_INTERVAL = 2
NEGOTIATOR_CYCLE_DELAY = 1
NEGOTIATOR_MIN_INTERVAL = 1
# the compute element's router submits jobs for the accounts that its own jobs belong to
QUEUE_SUPER_USER_MAY_IMPERSONATE = .*
"""

_PATHS = """\
RELEASE_DIR = /usr
LOCAL_DIR = {state}
RUN = {run}
LOCK = $(RUN)
LOG = $(LOCAL_DIR)/log
SPOOL = $(LOCAL_DIR)/spool
EXECUTE = {execute}
ETC = {etc}
BIN = /usr/bin
SBIN = /usr/sbin
LIB = /usr/lib/condor
LIBEXEC = /usr/libexec/condor
"""

# JOB_ROUTER_SCHEDD1_* stay unset on purpose: with a name and a pool the router asks the wrong daemon (23.9).
_CE = f"""
DAEMON_LIST = MASTER SHARED_PORT COLLECTOR SCHEDD JOB_ROUTER
JOB_ROUTER_POLLING_PERIOD = 2
JOB_ROUTER_SCHEDD2_NAME = {layout.POOL_SCHEDD}
JOB_ROUTER_SCHEDD2_POOL = {{address}}:{layout.POOL_PORT}
JOB_ROUTER_SCHEDD2_SPOOL = /var/spool/condor
JOB_ROUTER_ROUTE_NAMES = pool
JOB_ROUTER_ROUTE_pool @=end
   REQUIREMENTS JobUniverse == 5
   UNIVERSE VANILLA
   MaxJobs = 10000
   MaxIdleJobs = 2000
   DEFAULT maxMemory   2000
   DEFAULT xcount      1
   DEFAULT maxWallTime 4320
   EVALSET RequestMemory int(maxMemory)
   EVALSET RequestCpus   int(xcount)
   SET PeriodicRemove (JobStatus == 2 && time() - EnteredCurrentStatus > 60 * maxWallTime)
   SET PeriodicRemoveReason "job exceeded maxWallTime"
@end

# "job retries are off": what ran once and came back idle doesn't run again, it is removed. By the date: the router misses the
# NumJobStarts of a job that ran for seconds.
JOB_ROUTER_SOURCE_JOB_CONSTRAINT = JobStartDate =?= undefined
SYSTEM_PERIODIC_REMOVE = JobStatus == 1 && JobStartDate =!= undefined
SYSTEM_PERIODIC_REMOVE_REASON = "the compute element removed a job that ran before: job retries are off"
"""


_WORKER = """
DAEMON_LIST = MASTER SHARED_PORT STARTD
STARTD_NAME = {name}
# Before it offers anything a startd asks each of a dozen programs what it can do, most of them in Python. Many start at once.
ENABLE_URL_TRANSFERS = False
FILETRANSFER_PLUGINS =
HIBERNATION_PLUGIN =
JAVA =
DOCKER =
SINGULARITY =
VM_GAHP_SERVER =
"""


def pool_config(address: IPv4Address, slots: layout.Slots) -> str:
    common = _COMMON.format(collector=address, address=address, port=layout.POOL_PORT, schedd=layout.POOL_SCHEDD)
    if slots.machines:
        return common + _POOL.format(startd="")
    return common + _POOL.format(startd="STARTD") + _SLOT.format(slots=slots, partitionable=True)


def ce_config(address: IPv4Address) -> str:
    common = _COMMON.format(collector=address, address=address, port=layout.CE_PORT, schedd=layout.CE_SCHEDD)
    paths = _PATHS.format(state=CE_STATE, run="/run/condor-ce", execute="$(LOCAL_DIR)/execute", etc=CE_FOLDER)
    return paths + common + _CE.format(address=address)


def worker_config(name: str, address: IPv4Address, collector: IPv4Address, slots: layout.Slots) -> str:
    """A machine of the pool that runs one job at a time."""
    common = _COMMON.format(collector=collector, address=address, port=layout.POOL_PORT, schedd=layout.POOL_SCHEDD)
    state = layout.worker_state(name)
    paths = _PATHS.format(state=state, run=layout.worker_run(name), execute=layout.worker_execute(name), etc=state)
    return paths + common + _WORKER.format(name=name) + _SLOT.format(slots=slots, partitionable=False)


def mapfile() -> str:
    """Who a token's bearer is here; the first line that matches the whole string ``issuer,subject`` wins.

    Without a line for everybody else, other subjects are refused.
    """
    bearer = re.escape(f"{registry.ISSUER},{registry.SIDECAR}").replace("/", r"\/")
    brief = re.escape(f"{registry.ISSUER},{registry.BRIEF}").replace("/", r"\/")
    account = f"{layout.PILOT}@{DOMAIN}"
    return f"SCITOKENS /^{bearer}$/ {account}\nSCITOKENS /^{brief}$/ {account}\nFS (.*) \\1\n"
