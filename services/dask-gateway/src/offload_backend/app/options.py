"""dask-gateway's options, made for one user: what a widget shows, and what a request is checked by."""

from typing import Any

from dask_gateway_server import options as fields
from dask_gateway_server.options import Options

from offload_backend.app.cluster_config import configuration
from offload_backend.core.choice import LEAST_MEMORY, resolve
from offload_backend.core.offer import Offer
from offload_backend.model.settings import Settings
from offload_backend.model.values import duration


class OfferedOptions(Options):  # type: ignore[misc] # dask-gateway is untyped
    """The widgets' fields are dask-gateway's; the check is ours, since it knows more and tells everything at once."""

    def __init__(self, settings: Settings, offer: Offer) -> None:
        limits, defaults = offer.limits, offer.defaults
        super().__init__(
            fields.String("image", "", label="Image (empty: the platform's choice)"),
            fields.Integer(
                "worker_cores", defaults.worker_cores, min=1, max=limits.worker_cores, label="Cores of a worker"
            ),
            fields.Float(
                "worker_memory",
                defaults.worker_memory,
                min=LEAST_MEMORY,
                max=limits.worker_memory,
                label="Memory of a worker (GiB)",
            ),
            fields.Select("site", list(offer.sites), default=defaults.site, label="Site"),
            fields.Integer("gpus", 0, min=0, max=limits.gpus, label="GPUs of a worker"),
            fields.Mapping("environment", label="Environment"),
            fields.String("wall_time", "", label="Life of a worker, as in 12h (empty: the site's choice)"),
        )
        self._settings = settings
        self._offer = offer

    def parse_options(self, request: object) -> dict[str, Any]:
        """The options as chosen, which the user is shown again. Raises NotPossible."""
        if not isinstance(request, dict):
            raise TypeError("The options of a cluster are names and values.")
        choice = resolve(self._offer, request)
        return {
            "image": choice.image.reference,
            "worker_cores": choice.worker_cores,
            "worker_memory": choice.worker_memory / 2**30,
            "site": choice.site,
            "gpus": choice.gpus,
            "environment": dict(choice.environment),
            "wall_time": "" if choice.wall_seconds is None else duration(choice.wall_seconds),
        }

    def get_configuration(self, options: dict[str, Any], user: object) -> dict[str, object]:
        """Values of the cluster's configuration for what `parse_options` gave."""
        return configuration(self._settings, self._offer, resolve(self._offer, options))
