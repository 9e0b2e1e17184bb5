"""The outermost boundary of the sidecar's loops, with its counter."""

from functools import partial

from service_runtime import boundary

from condor_sidecar import metrics

keep_running = partial(boundary.keep_running, failures=metrics.LOOP_FAILURES)
