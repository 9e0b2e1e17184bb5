"""The sidecar's edges: worker processes around HTCondor's binding, the journal, files."""
