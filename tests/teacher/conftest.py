"""Tiny networks of every family and layout that a teacher may come from."""

from dataclasses import dataclass, field
from typing import Any

import pytest
import timm
import torch
from torch import Tensor

from helixnas.teacher import Teacher, TeacherConfig, build_teacher


@dataclass(frozen=True, kw_only=True)
class Family:
    """A tiny teacher, and how timm's own loop over its stages gives the same features."""

    model: str
    size: tuple[int, int]
    strides: tuple[int, ...] = (4, 8, 16, 32)
    arguments: dict[str, Any] = field(default_factory=dict)
    boundaries: tuple[str, ...] = ()
    indices: tuple[int, ...] = (1, 2, 3, 4)

    @property
    def config(self) -> TeacherConfig:
        return TeacherConfig(model=self.model, model_args=self.arguments, boundaries=self.boundaries)

    def build(self, *, frozen: bool = True) -> Teacher:
        return build_teacher(
            self.config, strides=self.strides, num_classes=7, input_size=self.size, seed=0, frozen=frozen
        )

    def images(self, number: int = 2) -> Tensor:
        return torch.rand(number, 3, *self.size, generator=torch.Generator().manual_seed(1))

    def expected_features(self, teacher: Teacher, images: Tensor) -> list[Tensor]:
        """Return Y_1 .. Y_N by timm's `forward_intermediates`, which uses no hook."""
        model: Any = teacher.model
        return model.forward_intermediates(
            teacher.normalize(images), indices=list(self.indices), output_fmt="NCHW", intermediates_only=True
        )


FAMILIES = {
    "efficientnet": Family(model="test_efficientnet", size=(64, 64)),
    "resnet, wide images": Family(model="test_resnet", size=(64, 96)),
    "convnext": Family(model="test_convnext", size=(64, 64), indices=(0, 1, 2, 3)),
    "regnet": Family(
        model="regnetx_002",
        size=(64, 64),
        arguments={"depth": 5, "w0": 8, "wa": 8.0, "wm": 1.5, "group_size": 4},
    ),
    "vit, wide images": Family(
        model="test_vit",
        size=(64, 96),
        strides=(16, 16, 16),
        arguments={"img_size": (64, 96)},
        boundaries=("blocks.1", "blocks.3", "blocks.5"),
        indices=(1, 3, 5),
    ),
    "swin": Family(
        model="swin_tiny_patch4_window7_224",
        size=(64, 64),
        arguments={
            "img_size": 64,
            "embed_dim": 16,
            "depths": (1, 1, 1, 1),
            "num_heads": (1, 1, 1, 1),
            "window_size": 4,
        },
        indices=(0, 1, 2, 3),
    ),
}


@pytest.fixture(params=FAMILIES.values(), ids=FAMILIES.keys())
def family(request: pytest.FixtureRequest) -> Family:
    assert timm.is_model(request.param.model)
    return request.param
