"""`python -m condor_sidecar`."""

from condor_sidecar.cli import main

main()
