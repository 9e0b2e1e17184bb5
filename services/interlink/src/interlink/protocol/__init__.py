"""interLink's wire protocol, compatible with version 0.6 in both directions.

What virtual kubelet, API server and plugins share: the types of the messages (`types`), a client with deadlines (`client`), what a
server needs to answer in the same words (`serving`), and the three kinds of error that travel (`errors`). Pods, ConfigMaps, Secrets
and container statuses stay plain JSON objects from end to end: nothing of a user's specification is lost to a model class.
"""
