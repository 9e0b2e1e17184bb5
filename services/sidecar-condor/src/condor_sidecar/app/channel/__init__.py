"""The sidecar's end of the job channel: the connections that jobs dial, and what the rest of the sidecar does with them."""
