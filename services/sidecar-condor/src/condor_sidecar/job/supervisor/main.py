"""Entry point of the job: finds the payload and the container runtime, runs the pod, and leaves a word whatever happens."""

import contextlib
import os

from . import apptainer
from .complaints import complain, trace
from .plan import Pod, UnreadablePlan
from .report import Reporter
from .sandbox import Sandbox
from .state import ENDED, PodState
from .supervisor import Supervisor

UNUSABLE = 70  # exit code when the pod couldn't even be begun: EX_SOFTWARE of sysexits.h

NO_POD = Pod(1, "", "", "", "", 0, "", 0, 0, 0, [], [], [])


def main() -> int:
    """Run the pod whose payload lies in the scratch directory; the job's exit code."""
    os.umask(0o022)
    sandbox = Sandbox(os.path.abspath(os.environ.get("_CONDOR_SCRATCH_DIR") or "."))
    pod = NO_POD
    try:
        pod = sandbox.unpack()
        program = apptainer.find_program(dict(os.environ))
        if program is None:
            return _give_up(sandbox, pod, "NoContainerRuntime", "this machine has neither apptainer nor singularity")
        if os.getuid() == 0:
            return _give_up(sandbox, pod, "RefusedRoot", "the job runs as root; pods run as ordinary users only")
        return Supervisor(sandbox, pod, program, dict(os.environ)).run()
    except UnreadablePlan as error:
        return _give_up(sandbox, pod, "UnreadablePayload", str(error))
    except Exception as error:
        trace()
        return _give_up(sandbox, pod, "SupervisorError", "%s: %s" % (type(error).__name__, error))
    finally:
        sandbox.wipe()


def _give_up(sandbox: Sandbox, pod: Pod, reason: str, message: str) -> int:
    """Report that the pod can't be run, or not any further."""
    state = PodState(pod, os.uname().nodename, "")
    state.phase, state.reason, state.message = ENDED, reason, message
    with contextlib.suppress(OSError):  # the state is told without
        os.makedirs(sandbox.root, mode=0o700, exist_ok=True)
    reporter = Reporter(sandbox, state, 0)
    reporter.publish()
    reporter.save({}, {})
    reporter.close()
    complain(message)
    return UNUSABLE
