"""What makes a JupyterHub the platform's hub."""
