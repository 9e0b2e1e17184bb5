"""The three ways in which the chart shows the job channel to jobs, as values of the matrix."""

from tests.charts.rendering import VIRTUAL_NODE, merged, read_values

INGRESS = read_values(VIRTUAL_NODE / "ci" / "cluster-channel-ingress-values.yaml")
BALANCER = read_values(VIRTUAL_NODE / "ci" / "cluster-channel-balancer-values.yaml")
NODE_PORT = merged(
    read_values(VIRTUAL_NODE / "ci" / "cluster-ce-values.yaml"), {"metrics": {"podMonitor": {"enabled": False}}}
)
"""Certificate, authorities and secret are others'."""
