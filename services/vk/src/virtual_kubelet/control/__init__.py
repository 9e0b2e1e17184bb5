"""The loops that bring decisions and the outside together: pods, their states, the node, what is left over."""
