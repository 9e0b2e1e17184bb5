"""Images that no root of the site has are pulled by real Apptainer, with the pod's login and nobody else's."""

import base64
import io
import json
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from condor_sidecar.core.policy import ImagePolicy
from condor_sidecar.job.supervisor import plan as job
from condor_sidecar.model.result import JobResult

from tests.condor.apptainer_jobs import (
    IMAGES,
    POLICY,
    SCRATCH,
    Worker,
    changed,
    container,
    ends,
    planned,
    pod,
    shell,
    text,
    working,
)
from tests.fakes.certificates import Authority

SERVER = Path(__file__).with_name("registry_server.py")
LOGIN = base64.b64encode(b"ana:secret").decode()
PULLING = replace(POLICY, images=ImagePolicy(unpacked_roots=(IMAGES,), docker_fallback=True))


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    with working(tmp_path_factory.mktemp("worker")) as machine:
        oci_layout(machine.scratch / "registry", machine.scratch.parent / "images/tools:1")
        machine.machine.run(["chown", "-R", "pilot:", f"{SCRATCH}/registry"])
        yield machine


@pytest.fixture(scope="module")
def registry(worker: Worker) -> Iterator[str]:
    """Host and port of one that knows one login; the machine trusts its certificate."""
    authority = Authority.create(worker.scratch)
    files = authority.server(worker.scratch)
    (worker.scratch / "server.py").write_bytes(SERVER.read_bytes())
    trusted = "/usr/local/share/ca-certificates/registry.crt"
    worker.machine.write(trusted, authority.file.read_text())
    worker.machine.run(["update-ca-certificates"])
    inside = [f"{SCRATCH}/{name}" for name in ("server.py", "registry", files.cert.name, files.key.name)]
    argv = worker.machine.command(["python3", *inside, f"Basic {LOGIN}"])
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        yield f"localhost:{int(server.stdout.readline())}"
        server.stdin.close()
        assert server.wait(30) == 0


def secret(registry: str, auth: str) -> dict[str, Any]:
    content = json.dumps({"auths": {registry: {"auth": auth}}}).encode()
    return {"metadata": {"name": "login"}, "data": {".dockerconfigjson": base64.b64encode(content).decode()}}


def pulled(worker: Worker, registry: str, *secrets: dict[str, Any]) -> JobResult:
    """A pod with the registry's image, which is tried for a second."""
    of = pod(container("a") | {"image": f"{registry}/lab/tools:1"})
    del of["spec"]["containers"][0]["command"]
    return worker.run(changed(planned(of, secrets=secrets, policy=PULLING), patience_seconds=1))


def test_the_pods_login_opens_the_registry(worker: Worker, registry: str) -> None:
    result = pulled(worker, registry, secret(registry, LOGIN))
    assert text(result, "a") == "it's $0\n", ends(result)["a"]
    # nor is it in what lies there of other jobs
    words = "grep -rlF $1 /scratch --include=*.json --include=out --include=err || true"
    assert worker.machine.run(["sh", "-c", words, "sh", LOGIN]).stdout == ""


@pytest.mark.parametrize("auth", [None, base64.b64encode(b"ana:wrong").decode()], ids=["none", "a wrong one"])
def test_without_the_right_login_there_is_no_image(worker: Worker, registry: str, auth: str | None) -> None:
    secrets = [] if auth is None else [secret(registry, auth)]
    ended = ends(pulled(worker, registry, *secrets))["a"]
    assert ended.reason in ("ErrImagePull", "ImagePullBackOff")
    assert "unauthorized" in ended.message.lower()
    assert "who are you?" in ended.message, "the registry's own words"


def test_a_login_for_another_registry_goes_nowhere(worker: Worker, registry: str) -> None:
    ended = ends(pulled(worker, registry, secret("registry.example.org", LOGIN)))["a"]
    assert "unauthorized" in ended.message.lower()


def test_an_image_is_unpacked_with_its_configuration(worker: Worker) -> None:
    image = job.Image("far/away:1", [], f"oci:{SCRATCH}/registry")
    plan = planned(pod(container("a"), shell("b", "pwd; echo $GREETING; touch /usr/bin/x && echo written")))
    with_image = changed(
        plan, containers=[each._replace(image=image) for each in job.decode(plan.files[0].content).containers]
    )
    result = worker.run(with_image)
    assert text(result, "a") == "it's $0\n"
    assert text(result, "b") == '/work\nsaid "hi" $USER\nwritten\n'


def oci_layout(folder: Path, tree: Path) -> None:
    """An OCI image of `tree`, in a directory as registries' tools read and write it."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as archive:
        archive.add(tree / "usr", "usr", filter=harmless)
        archive.add(tree / "bin", "bin", filter=harmless)
        for name in ("lib", "lib64", "etc"):
            if (tree / name).exists():
                archive.add(tree / name, name, filter=harmless)
    config = {
        "Entrypoint": ["/bin/printf", "%s\\n", "it's $0"], "Env": ["PATH=/bin", 'GREETING=said "hi" $USER'], "WorkingDir": "/work",
    }  # fmt: skip
    blobs = folder / "blobs/sha256"
    blobs.mkdir(parents=True)

    def blob(kind: str, data: bytes) -> dict[str, Any]:
        digest = sha256(data).hexdigest()
        (blobs / digest).write_bytes(data)
        return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": f"sha256:{digest}", "size": len(data)}

    content = blob("layer.v1.tar", layer.getvalue())
    described = {
        "architecture": "amd64",
        "os": "linux",
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": [content["digest"]]},
    }
    manifest = {
        "schemaVersion": 2,
        "config": blob("config.v1+json", json.dumps(described).encode()),
        "layers": [content],
    }
    index = {"schemaVersion": 2, "manifests": [blob("manifest.v1+json", json.dumps(manifest).encode())]}
    (folder / "index.json").write_text(json.dumps(index))
    (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')


def harmless(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    return member
