"""Job scripts made by an external builder, for plugins that take a script instead of a pod."""

import asyncio
import copy
from typing import Any

from service_runtime.http_client import Deadlines, HttpClient, client_ssl_context

from interlink.protocol.decode import encode
from interlink.protocol.errors import LostTrack, Rejected
from interlink.protocol.transport import error_of, mapped_errors, read_bounded
from interlink.protocol.types import JsonObject, RetrievedPodData

BUILDER = Deadlines(connect=5, first_byte=30, total=30)
LONGEST_SCRIPT = 4 * 1024 * 1024

# Go never leaves a struct out, so that plugins find these keys in every create, all empty unless a builder is used
NO_JOB_CONFIG: JsonObject = {
    "SingularityHubProxy": {"server": "", "master_token": "", "cache_validity_seconds": 0},
    "ApptainerOptions": {
        "executable": "",
        "fakeroot": False,
        "containall": False,
        "fuseMode": "",
        "noInit": False,
        "noHome": False,
        "noPrivs": False,
        "nvidiaSupport": False,
        "cleanenv": False,
        "unsquash": False,
    },
    "Volumes": {
        "scratch_area": "",
        "apptainer_cachedir": "",
        "image_dir": "",
        "additional_directories_in_path": None,
        "fuse_sleep_seconds": 0,
    },
}
# keys of the configuration file and of the wire, where they differ
_SECTIONS = {
    "singularity_hub": "SingularityHubProxy",
    "apptainer_options": "ApptainerOptions",
    "volumes_options": "Volumes",
}
_OPTIONS = {
    "fuse_mode": "fuseMode",
    "no_init": "noInit",
    "no_home": "noHome",
    "no_privs": "noPrivs",
    "nvidia_support": "nvidiaSupport",
}


def job_config(build_config: dict[str, Any] | None) -> JsonObject:
    """The wire's `jobConfig` for a configuration's JobScriptBuildConfig; all empty for None."""
    config = copy.deepcopy(NO_JOB_CONFIG)
    for section, values in (build_config or {}).items():
        target = config.get(_SECTIONS.get(section, section))
        if target is not None and isinstance(values, dict):
            target.update({_OPTIONS.get(key, key): value for key, value in values.items()})
    return config


async def build_job_script(url: str, data: RetrievedPodData) -> str:
    """Ask the builder at `url` for the pod's script. Raises Rejected, NotNow or LostTrack; its failure fails the create."""
    # made anew by each client otherwise, in the event loop: reading the authorities takes tens of milliseconds
    context = await asyncio.to_thread(client_ssl_context) if url.startswith("https:") else None
    try:
        client = HttpClient(url, deadlines=BUILDER, ssl_context=context)
    except ValueError as error:
        raise Rejected([f"jobscriptURL: {error}"]) from error
    with mapped_errors("job script builder"):
        async with (
            client,
            client.request("POST", "", headers={"Content-Type": "application/json"}, data=encode(data)) as r,
        ):
            if r.status != 200:
                raise await error_of(r)
            body = await read_bounded(r, "job script builder", LONGEST_SCRIPT)
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise LostTrack(f"the job script builder's answer is no text: {error.reason}") from error
    if not text.strip():
        raise LostTrack("the job script builder answered with an empty script")
    return text
