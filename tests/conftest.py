"""What every tier needs."""

# Its plugin imports it only when a run ends. Assertion rewriting then parses it while the collector may format the
# traceback of a dead task, which parses too: Python before 3.11.8 fails at that ("AST constructor recursion depth mismatch").
import hypothesis.internal.observability  # noqa: F401
