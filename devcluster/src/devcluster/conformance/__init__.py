"""Kubernetes' own node tests, run against a virtual node: the judge of whether pods at a site behave as they do on a node."""
