"""dask-gateway's backend: schedulers and workers as pods on ordinary and virtual nodes."""
