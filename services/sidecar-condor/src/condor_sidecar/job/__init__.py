"""The program that runs in the job: built from the sources here into one constant file."""
