"""Kubernetes' own schemas, as kubernetes_validate has them: it reads some megabytes again for every object, here they are kept."""

import functools
from typing import Any

import kubernetes_validate
from kubernetes_validate import utils

utils.schema_contents = functools.cache(utils.schema_contents)
utils.all_versions = functools.cache(utils.all_versions)


def validate(obj: dict[str, Any], version: str = "1.34") -> None:
    """An object that Kubernetes would take, without a field that it doesn't know. Raises kubernetes_validate.ValidationError."""
    kubernetes_validate.validate(obj, version, strict=True)
