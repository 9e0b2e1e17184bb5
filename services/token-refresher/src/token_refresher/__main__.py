"""`python -m token_refresher`."""

from token_refresher.cli import main

main()
