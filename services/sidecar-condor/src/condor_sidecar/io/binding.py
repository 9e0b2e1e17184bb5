"""HTCondor's Python binding, behind the sidecar's own messages. Runs in worker processes only.

`htcondor2` keeps Python's global lock during network calls and can't be interrupted, so nothing here may be called in
the service's process. Its parameters are global to the process, which is why a worker serves one endpoint and identity.
"""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from condor_sidecar.core.constraint import quoted
from condor_sidecar.core.failure import classify
from condor_sidecar.core.payload import PAYLOAD
from condor_sidecar.model.calls import (
    Act,
    Action,
    Ads,
    Changes,
    ConnectionSettings,
    Done,
    Edit,
    Failure,
    FailureKind,
    History,
    Poll,
    Reply,
    Request,
    Retrieve,
    Submit,
    Submitted,
)
from condor_sidecar.model.job_ad import PROJECTION, JobAd, typed_attributes

os.environ["CONDOR_CONFIG"] = "/dev/null"  # before the import: no HTCondor installation of the machine may have a say
import htcondor2

# what the binding raises: its own exception, and plain ones on some paths
BINDING_ERRORS = (htcondor2.HTCondorException, OSError, RuntimeError, ValueError, TypeError, KeyError)


class Unreachable(Exception):
    """The collector knows no such schedd."""


class ChangedIdentity(Exception):
    """The schedd maps our token to another account than before, whose jobs are not ours."""


class Binding:
    """One connection target; finds the schedd again after each failure."""

    def __init__(self, settings: ConnectionSettings) -> None:
        for key, value in settings.params.items():
            htcondor2.param[key] = value
        self._settings = settings
        self._found: Any = None
        self._ad: Any = None
        self._user: str | None = None
        self._mine = "false"
        self._poll_number = 0
        self._sent: dict[str, bytes] = {}

    def handle(self, request: Request) -> Reply:
        """Carry out `request`; every way in which the binding fails becomes a Failure."""
        try:
            schedd = self._schedd(request)
        except ChangedIdentity as error:
            return Failure(FailureKind.REFUSED_LOGIN, str(error))
        except (*BINDING_ERRORS, Unreachable) as error:
            return self._failure(error, before=True)
        try:
            return self._carry_out(schedd, request)
        except BINDING_ERRORS as error:
            return self._failure(error, before=not isinstance(request, Submit))

    def _carry_out(self, schedd: Any, request: Request) -> Reply:
        match request:
            case Submit():
                return self._submit(schedd, request)
            case Poll():
                return self._poll(schedd, request)
            case History():
                found = schedd.history(self._ours(request.constraint), projection=list(PROJECTION), match=request.limit)
                return Ads(ads=[job for job in map(_job_ad, found) if job is not None])
            case Act():
                return self._act(schedd, request)
            case Edit():
                return Done(count=int(schedd.edit(self._ours(request.constraint), request.attribute, request.value)))
            case Retrieve():
                return self._retrieve(schedd, request)

    def _schedd(self, request: Request) -> Any:
        if self._found is None:
            collector = htcondor2.Collector(self._settings.collector)
            ad = collector.locate(htcondor2.DaemonType.Schedd, self._settings.schedd)
            if ad is None:
                wanted = f" named {self._settings.schedd}" if self._settings.schedd else ""
                raise Unreachable(f"the collector {self._settings.collector} knows no schedd{wanted}")
            self._identify(ad)
            self._ad, self._found = ad, htcondor2.Schedd(ad)
        elif isinstance(request, Submit | Poll):
            # the token is another every few minutes; nothing fails when the new one stands for somebody else, but jobs
            # would be made that we never find again
            self._identify(self._ad)
        return self._found

    def _identify(self, ad: Any) -> None:
        """Ask the schedd who we are. Raises ChangedIdentity.

        Everybody can give a job of their own our attributes: only this identity's jobs count. Asked with WRITE, which is
        never given to nobody: a schedd that lets anybody read would show us an empty queue for an expired token.
        """
        user = str(htcondor2.ping(ad, "WRITE")["MyRemoteUserName"])
        if self._user not in (None, user):
            raise ChangedIdentity(
                f"the schedd took this sidecar for {self._user} before and takes it for {user} now, whose jobs are others: "
                f"map its token to {self._user} again, or restart it once {self._user} has no jobs of it left"
            )
        self._user = user
        self._mine = f"User == {quoted(user)}"

    def _ours(self, constraint: str) -> str:
        return f"({constraint}) && {self._mine}"

    def _failure(self, error: BaseException, before: bool) -> Failure:
        self._found = None
        if isinstance(error, Unreachable):
            return Failure(FailureKind.UNREACHABLE, str(error))
        return classify(str(error) or type(error).__name__, nothing_happened=before)

    def _submit(self, schedd: Any, request: Submit) -> Reply:
        for item in request.items:
            folder = Path(item.folder)
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write_private(folder / PAYLOAD, item.payload)
        try:
            try:
                description = htcondor2.Submit(request.description)
                result = schedd.submit(description, itemdata=iter([i.values for i in request.items]), spool=True)
            except BINDING_ERRORS as error:
                return self._failure(error, before=True)
            schedd.spool(result)
            return Submitted(cluster=result.cluster(), first_proc=result.first_proc())
        finally:
            for item in request.items:
                (Path(item.folder) / PAYLOAD).unlink(missing_ok=True)

    def _poll(self, schedd: Any, request: Poll) -> Changes:
        if request.since == 0 or request.since != self._poll_number:
            self._sent = {}
            complete = True
        else:
            complete = False
        now_there: dict[str, bytes] = {}
        changed: list[JobAd] = []
        server_time: int | None = None
        for ad in _found_ads(schedd, self._ours(request.constraint)):
            server_time = server_time or _integer(ad.get("ServerTime"))
            job = _job_ad(ad)
            if job is None:
                continue
            digest = hashlib.blake2b(msgspec.msgpack.encode(job), digest_size=16).digest()
            now_there[job.job_id] = digest
            if self._sent.get(job.job_id) != digest:
                changed.append(job)
        gone = [job_id for job_id in self._sent if job_id not in now_there]
        self._sent = now_there
        self._poll_number += 1
        return Changes(number=self._poll_number, complete=complete, ads=changed, gone=gone, server_time=server_time)

    def _act(self, schedd: Any, request: Act) -> Done:
        action = htcondor2.JobAction.Remove if request.action is Action.REMOVE else htcondor2.JobAction.Release
        # a reason given as plain text is dropped by the binding (25.14); a pair isn't
        counters = schedd.act(action, self._ours(request.constraint), reason=(request.reason, 0))
        return Done(count=int(counters["TotalSuccess"]), denied=int(counters["TotalPermissionDenied"]))

    def _retrieve(self, schedd: Any, request: Retrieve) -> Done:
        for folder in request.folders:
            Path(folder).mkdir(mode=0o700, parents=True, exist_ok=True)
        schedd.retrieve(self._ours(request.constraint))
        return Done(count=len(request.folders))


def _found_ads(schedd: Any, constraint: str) -> Iterator[Any]:
    yield from schedd.query(constraint, projection=[*PROJECTION, "ServerTime"])


def _job_ad(ad: Any) -> JobAd | None:
    """The job, None if somebody edited its attributes into what can't be ours."""
    try:
        return msgspec.convert(typed_attributes(dict(ad.items())), JobAd)
    except msgspec.ValidationError:
        return None


def _integer(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _write_private(path: Path, data: bytes) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
        stream.write(data)
