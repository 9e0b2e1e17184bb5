"""`python -m token_service`."""

from token_service.cli import main

main()
