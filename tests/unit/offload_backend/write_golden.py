"""Writes the golden pods anew, to be looked at in a diff: `python -m tests.unit.offload_backend.write_golden`."""

import json

from tests.unit.offload_backend.test_pods_of_clusters import GOLDEN, PODS

if __name__ == "__main__":
    for name, pod in PODS.items():
        (GOLDEN / f"{name}.json").write_text(json.dumps(pod, indent=2, sort_keys=True) + "\n")
