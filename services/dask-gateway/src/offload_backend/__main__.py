"""`python -m offload_backend`."""

from offload_backend.cli import main

main()
