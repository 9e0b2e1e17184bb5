"""Claims and CSI volumes are where the site's table says, or are rejected with what it offers."""

from typing import Any

import pytest
from condor_sidecar.core.policy import Policy, VolumeRule
from condor_sidecar.job.supervisor import plan as job
from condor_sidecar.pod_settings import SiteVolume
from pydantic import ValidationError

from tests.unit.sidecar.compile.pods import Json, compiled, first, job_of, reasons
from tests.unit.sidecar.compile.test_volumes import mounting

TABLE = Policy(
    volumes=(
        VolumeRule("/cvmfs", driver="cvmfs.csi.cern.ch"),
        VolumeRule("/eos/{namespace}/{claim}", storage_class="eos", read_only=False, create=True),
        VolumeRule("/data/{claim}/{volume}", claim="default/data-*"),
        VolumeRule("/fast", storage_class="fast", driver="d", read_only=False),
    )
)
CLAIM: Json = {"persistentVolumeClaim": {"claimName": "c"}}


def told(**fields: Any) -> list[Json]:
    """What the virtual node tells of the claim `c`."""
    return [{"volume": "v", "claim": "c", "storageClass": "", "driver": "", "volumeMode": "Filesystem", **fields}]


def made(volume: Json, claims: Any = None) -> tuple[job.Volume, bool]:
    plan = compiled(mounting(volume), TABLE, claims=claims)
    return job_of(plan).volumes[0], first(plan).mounts[0].read_only


@pytest.mark.parametrize(
    ("volume", "claims", "path", "kind", "read_only", "root"),
    [
        (CLAIM, told(storageClass="eos"), "/eos/default/c", "DirectoryOrCreate", False, "/eos/default"),
        (CLAIM, told(storageClass="eos", accessModes=["ReadOnlyMany"]), "/eos/default/c", "DirectoryOrCreate", True,
         "/eos/default"),
        ({"persistentVolumeClaim": {"claimName": "c", "readOnly": True}}, told(storageClass="eos"), "/eos/default/c",
         "DirectoryOrCreate", True, "/eos/default"),
        (CLAIM, told(driver="cvmfs.csi.cern.ch"), "/cvmfs", "Directory", True, ""),
        (CLAIM, told(driver="cvmfs.csi.cern.ch", attributes={"repository": "a.cern.ch"}), "/cvmfs/a.cern.ch", "Directory", True,
         "/cvmfs"),
        (CLAIM, told(storageClass="fast", driver="d"), "/fast", "Directory", False, ""),
        ({"persistentVolumeClaim": {"claimName": "data-1"}}, None, "/data/data-1/v", "Directory", True, "/data"),
        ({"csi": {"driver": "cvmfs.csi.cern.ch"}}, None, "/cvmfs", "Directory", True, ""),
        ({"csi": {"driver": "cvmfs.csi.cern.ch", "volumeAttributes": {"repository": "a.b"}}}, None, "/cvmfs/a.b",
         "Directory", True, "/cvmfs"),
        ({"ephemeral": {"volumeClaimTemplate": {}}}, told(claim="hello-v", storageClass="eos"), "/eos/default/hello-v",
         "DirectoryOrCreate", False, "/eos/default"),
    ],
)  # fmt: skip
def test_a_volume_is_where_the_first_fitting_row_says(
    volume: Json, claims: Any, path: str, kind: str, read_only: bool, root: str
) -> None:
    assert made(volume, claims) == (job.Volume("v", job.HOST, path, kind, root=root), read_only)


OFFERS = (
    'has no place at this site, which offers CSI driver "cvmfs.csi.cern.ch"; storage class "eos"; claims "default/data-*";'
    ' storage class "fast" with CSI driver "d": use one of these'
)


@pytest.mark.parametrize(
    ("volume", "claims", "reason"),
    [
        (CLAIM, None, f'claim "default/c" {OFFERS} (volumes[0].persistentVolumeClaim)'),
        (CLAIM, told(storageClass="fast", driver="e"),
         f'claim "default/c" (storage class "fast", driver "e") {OFFERS} (volumes[0].persistentVolumeClaim)'),
        ({"csi": {"driver": "x"}}, None, f'a volume of the CSI driver "x" {OFFERS} (volumes[0].csi)'),
        ({"ephemeral": {"volumeClaimTemplate": {}}}, None, f'claim "default/hello-v" {OFFERS} (volumes[0].ephemeral)'),
        (CLAIM, told(storageClass="eos", volumeMode="Block"),
         "block devices can't be given to a job: use a claim of volumeMode Filesystem (volumes[0].persistentVolumeClaim)"),
        ({"csi": {"driver": "cvmfs.csi.cern.ch", "volumeAttributes": {"repository": "../etc"}}}, None,
         '"../etc" is not the name of a CVMFS repository: correct it (volumes[0].csi)'),
        ({"csi": {"driver": "cvmfs.csi.cern.ch", "volumeAttributes": {"tag": "old"}}}, None,
         'the site mounts CVMFS as it is, attribute "tag" can\'t be honoured: remove it (volumes[0].csi)'),
        ({"csi": {"driver": "cvmfs.csi.cern.ch", "volumeAttributes": {"sharedMountID": "x", "proxy": "p"}}}, None,
         'nothing at this site honours attribute "proxy" of the driver "cvmfs.csi.cern.ch": remove it'
         ' (volumes[0].csi.volumeAttributes["proxy"])'),
        ({"csi": {"driver": "cvmfs.csi.cern.ch", "fsType": "ext4"}}, None,
         "the site has the volume with the file system that it has: remove it (volumes[0].csi.fsType)"),
        ({"csi": {"driver": "cvmfs.csi.cern.ch", "nodePublishSecretRef": {"name": "s"}}}, None,
         "no driver is there at this site to be given a Secret: remove it (volumes[0].csi.nodePublishSecretRef)"),
        ({"persistentVolumeClaim": {"claimName": "data-/../.."}}, None,
         '"data-/../.." can\'t be the claim in the site\'s path /data/{claim}/{volume}: correct it'
         " (volumes[0].persistentVolumeClaim)"),
    ],
)  # fmt: skip
def test_what_no_row_names_is_rejected_with_what_the_site_offers(volume: Json, claims: Any, reason: str) -> None:
    assert reasons(mounting(volume), TABLE, claims=claims) == (reason,)


def test_a_site_without_a_table_offers_nothing() -> None:
    assert "which offers none: use one of these" in reasons(mounting(CLAIM), Policy(volumes=()))[0]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"path": "/x"}, "one of driver, storage_class and claim"),
        ({"path": "/x", "claim": "c"}, "must be namespace/name"),
        ({"path": "/x/../y", "driver": "d"}, "not an absolute path"),
        ({"path": "/x/{user}", "driver": "d"}, '"{user}" is no placeholder: use {namespace}, {claim}, {volume}'),
        ({"path": "/x/a-{claim}", "driver": "d"}, "each between two slashes"),
        ({"path": "/x", "driver": "d", "create": True}, "create needs read_only: false"),
    ],
)
def test_a_row_that_makes_no_sense_stops_the_start(row: Json, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        SiteVolume.model_validate(row)
