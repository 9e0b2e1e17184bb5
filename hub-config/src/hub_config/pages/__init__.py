"""What people see of the hub beyond JupyterHub's own pages."""
