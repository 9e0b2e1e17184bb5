"""The client works with Python alone: nothing in a user's environment may conflict with it. Only Dask's parts need Dask."""

import subprocess
import sys
from pathlib import Path

import highrate

SOURCE = Path(next(iter(highrate.__path__))).parent

IMPORT_ALL = """
import importlib, pkgutil, sys
sys.path.insert(0, sys.argv[1])
import highrate
names = [m.name for m in pkgutil.walk_packages(highrate.__path__, "highrate.", onerror=lambda name: None)]
plain = [name for name in names if not name.startswith(("highrate.dask", "highrate.relay"))]
assert {"highrate.cli", "highrate.doctor.command", "highrate.session.examples"} <= set(plain)
for name in plain:
    importlib.import_module(name)
assert not {"dask", "distributed", "dask_gateway"} & set(sys.modules)
"""


def test_all_but_dasks_parts_can_be_imported_without_any_other_package() -> None:
    """-S: without site-packages."""
    command = [sys.executable, "-I", "-S", "-c", IMPORT_ALL, str(SOURCE)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
