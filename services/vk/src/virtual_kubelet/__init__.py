"""The virtual kubelet: one Kubernetes node whose pods run elsewhere, driven through interLink.

The Kubernetes API is its only memory. It watches the pods bound to its node, hands each to the other side once, writes
back what that side says, and takes the job away when the pod goes. It may be killed at any moment.
"""

__version__ = "0.1.0"
