"""What of a pod stays behind by a word of its owner's or of the node's, so that nobody takes its success for that of the whole.

interLink's virtual nodes keep containers back by an annotation, to run them in a second pod beside a tunnel into the job. Here no
such pod is made: those containers run nowhere.
"""

from collections.abc import Iterator

from virtual_kubelet.core.volumes import VolumePolicy, is_api_token, is_carried
from virtual_kubelet.model import pod as pods
from virtual_kubelet.model.pod import JsonObject


def left_out(pod: JsonObject, policy: VolumePolicy) -> Iterator[str]:
    """A sentence for each kind of thing that is left out; the token that every pod has by default is none."""
    for kind, annotation in pods.NOT_OFFLOADED.items():
        sent = {container["name"] for container in pods.offloaded(pod, kind)}
        kept = [each["name"] for each in pod["spec"].get(kind) or [] if each["name"] not in sent]
        if kept:
            yield f"{kind} {', '.join(kept)} run nowhere: annotation {annotation} keeps them from the site"
    mounted = {mount["name"] for each in pods.all_containers(pod) for mount in each.get("volumeMounts") or []}
    volumes = [
        volume["name"]
        for volume in pod["spec"].get("volumes") or []
        if volume["name"] in mounted and not is_carried(volume, policy) and not is_api_token(volume)
    ]
    if volumes:
        yield f"volumes {', '.join(volumes)} are not mounted: this node sends no projected volumes (DisableProjectedVolumes)"
