"""The one file that HTCondor transfers as the job's executable: the same bytes for every pod."""


def executable() -> bytes:
    """A `/bin/sh` head that finds a Python >= 3.6, followed by a zip archive of the supervisor that this Python runs."""
    raise NotImplementedError
