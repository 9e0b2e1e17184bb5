"""The HTCondor plugin of interLink: takes pods, runs each as one HTCondor job, and brings states, exit codes and logs back.

`app` is the running service, `core` decides (compile a pod, read a job's ad, choose what to do), `io` holds the worker processes
around HTCondor's binding, the journal and the files, `model` the plain data, `job` the program that runs inside the job.
"""
