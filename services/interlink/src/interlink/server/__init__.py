"""The interLink API server: takes the virtual kubelet's calls and hands them to one plugin, in the words of version 0.6."""
