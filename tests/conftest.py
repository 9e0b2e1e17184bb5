"""What every tier needs."""

import os
import signal
import sys
from collections.abc import Iterator

# Its plugin imports it only when a run ends. Assertion rewriting then parses it while the collector may format the
# traceback of a dead task, which parses too: Python before 3.11.8 fails at that ("AST constructor recursion depth mismatch").
import hypothesis.internal.observability  # noqa: F401
import pytest
from hypothesis import HealthCheck, settings

# jsonschema imports it for a format that nothing here has, "iri": for three seconds it makes a parser, in every process.
sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment] # as the import system marks what there is not

# Nothing here asserts how fast it is: a slow example on a busy machine is no failure.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

# Who is started in the background of a shell without job control ignores these, and so would all programs that tests start.
for number, standard in ((signal.SIGINT, signal.default_int_handler), (signal.SIGQUIT, signal.SIG_DFL)):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, standard)


@pytest.fixture(autouse=True)
def umask_as_it_was() -> Iterator[None]:
    """Services set their process's, and may run in this one: files of later tests would be closed to all but root."""
    before = os.umask(0o022)
    yield
    os.umask(before)
