"""What the configuration says of the node itself: its amounts, its accelerators, its taints.

All of it becomes part of one object, which the API server takes or refuses as a whole: it is checked here.
"""

from typing import Annotated, Any, Literal

import pydantic
from pydantic import BeforeValidator, Field
from service_runtime.settings import Section

from virtual_kubelet.core.names import is_countable_resource, is_label_value, taint_problem
from virtual_kubelet.core.quantity import parse

ACCELERATOR_LABELS = {
    "nvidia.com/gpu": "nvidia-gpu",
    "xilinx.com/fpga": "xilinx-fpga",
    "intel.com/fpga": "intel-fpga",
}


def _as_text(value: object) -> object:
    """YAML writes `4000` and `true` where Go's decoder sees a string."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


def _as_quantity(value: object) -> object:
    text = _as_text(value)
    if isinstance(text, str) and text and parse(text) < 0:
        raise ValueError(f'"{text}" is less than nothing')
    return text


Text = Annotated[str, BeforeValidator(_as_text)]
Quantity = Annotated[str, BeforeValidator(_as_quantity)]


class Part(Section):
    """A section that others' YAML may leave empty (`NodeLabels:` with nothing behind it)."""

    @pydantic.model_validator(mode="before")
    @classmethod
    def _without_nothing(cls, values: Any) -> Any:
        return {k: v for k, v in values.items() if v is not None} if isinstance(values, dict) else values


class Accelerator(Part):
    """A countable resource of the site."""

    resource_type: Text = Field(alias="ResourceType")
    model: Text = Field(default="", alias="Model")
    available: Annotated[int, Field(ge=0)] = Field(alias="Available")

    @pydantic.model_validator(mode="after")
    def _named(self) -> "Accelerator":
        if not is_countable_resource(self.resource_type):
            raise ValueError(
                f'ResourceType "{self.resource_type}" is no name for a resource: use one as vendor.example/device'
            )
        if not is_label_value(self.label_value):
            raise ValueError(
                f'Model "{self.model}" becomes a label, which takes letters, digits, spaces and -_. (at most 63)'
            )
        return self

    @property
    def label_value(self) -> str:
        """The model as interLink labels nodes with it; "" where it doesn't."""
        return self.model.replace(" ", "-") if self.resource_type in ACCELERATOR_LABELS else ""


class Resources(Part):
    """What the node offers unless the plugin says otherwise."""

    cpu: Quantity = Field(default="100", alias="CPU")
    memory: Quantity = Field(default="3000G", alias="Memory")
    pods: Annotated[int, Field(ge=0)] = Field(default=10000, alias="Pods")
    ephemeral_storage: Quantity = Field(default="10Ti", alias="EphemeralStorage")
    """Ours: pods that request scratch space are only scheduled where a node offers some."""
    accelerators: list[Accelerator] = Field(default=[], alias="Accelerators")


class NodeTaint(Part):
    """A taint of the node."""

    key: Text = Field(alias="Key", min_length=1)
    value: Text = Field(default="", alias="Value")
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] = Field(default="NoSchedule", alias="Effect")

    @pydantic.model_validator(mode="after")
    def _named(self) -> "NodeTaint":
        problem = taint_problem(self.key, self.value)
        if problem is not None:
            raise ValueError(problem)
        return self
