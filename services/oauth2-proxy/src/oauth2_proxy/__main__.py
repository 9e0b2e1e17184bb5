"""`python -m oauth2_proxy`."""

from oauth2_proxy.cli import main

main()
