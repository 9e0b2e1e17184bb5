"""How a person gets to the hub with a browser: its address, what the browser must know, the accounts."""

from rich.console import Console
from rich.table import Table

from devcluster import hub_address
from devcluster.addresses import HUB_NAME, IAM_NAME
from devcluster.iam import registry
from devcluster.iam.service import secrets_file
from devcluster.platform import Platform

NOTEBOOK = "examples/2-dask-on-the-cluster-and-at-a-site.ipynb"


def show(platform: Platform, console: Console) -> None:
    """The passwords are this checkout's own, and of no use anywhere else."""
    authority, address = platform.authority.pair.certificate, platform.network.plan.hub
    passwords = registry.ensure_secrets(secrets_file(platform.checkout)).passwords
    console.print(f"\nlog in at {hub_address.URL}", style="bold", highlight=False)
    table = Table("user", "password", "groups", box=None, pad_edge=False)
    for user in registry.USERS:
        table.add_row(user.username, passwords[user.username], ", ".join(user.groups) or "none: will be refused")
    console.print(table)
    for line in (
        f"With the image Analysis, {NOTEBOOK} runs Dask's workers as jobs of the site: Run, Run All Cells.",
        "A browser on this machine must know the names and the authority:",
        f"  echo '{address} {HUB_NAME} {IAM_NAME}' >> /etc/hosts",
        f"  import {authority} as an authority for web sites",
    ):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
