"""An HTCondor site as real ones are: a pool, a compute element in front of it, an edge, and a firewall that lets little in."""
