"""The Kubernetes API as services use it: requests with deadlines, and objects that are followed by list and watch.

What is asked for, and what is done with it, is the services' own business: nothing here knows a pod.
"""
