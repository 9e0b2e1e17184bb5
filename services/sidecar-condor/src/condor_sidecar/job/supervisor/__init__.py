"""The supervisor: runs one pod's containers inside a job, with Apptainer.

It runs on whatever Python >= 3.6 a worker node has, from the zip archive that `condor_sidecar.job.executable` makes of these
files: standard library only, and no syntax newer than 3.6.
"""
