"""A teacher of two small blocks, the space that learns from it, and images made up of waves."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from helixnas.data import ImageSet
from helixnas.distill import Distillation, DistillConfig, build_distillation
from helixnas.engine import Runtime
from helixnas.nn import build_seeded
from helixnas.space import SearchSpace
from helixnas.supernet import Supernet, SupernetConfig, build_supernet
from helixnas.teacher import Teacher

MakeDistillation = Callable[..., Distillation]


@pytest.fixture
def space(two_blocks: Callable[..., SearchSpace]) -> SearchSpace:
    """Return a space whose second block may receive 4 or 6 channels."""
    return two_blocks(cells=(((2, 4), (1, 6)), ((2, 8),)))


@pytest.fixture
def teacher(two_convolutions: Callable[[int], Teacher]) -> Teacher:
    """Return a frozen network of two strided convolutions."""
    return two_convolutions(0)


@pytest.fixture
def images(in_memory: Callable[..., ImageSet]) -> ImageSet:
    """Return 24 training images of 8 pixels."""
    rng = np.random.default_rng(5)
    waves = np.arange(8)[None, :, None] * rng.uniform(0, 2, (24, 1, 3)) + rng.uniform(0, 6, (24, 1, 3))
    pixels = (127.5 + 120 * np.sin(waves[:, :, None] + waves[:, None, :])).astype(np.uint8)
    return in_memory(pixels, title="waves")


@pytest.fixture
def supernet(space: SearchSpace) -> Supernet:
    """Return the supernet of the space for the teacher."""
    return build_supernet(space, (6, 8), config=SupernetConfig(), seed=0)


@pytest.fixture
def distillation(space: SearchSpace, teacher: Teacher, images: ImageSet, runtime: Runtime) -> MakeDistillation:
    """Return a function that makes a distillation, of a fresh supernet unless given; keywords are settings."""

    def make(
        *, supernet: Supernet | None = None, seed: int = 0, blocks: tuple[int, ...] | None = None, **settings: object
    ) -> Distillation:
        config = DistillConfig(**{"num_epochs": 2, "batch_size": 8, **settings})  # type: ignore[arg-type]
        supernet = supernet or runtime.place(build_supernet(space, teacher.widths, config=SupernetConfig(), seed=0))
        return build_distillation(teacher, supernet, images, config=config, runtime=runtime, seed=seed, blocks=blocks)

    return make


@pytest.fixture
def learner() -> Teacher:
    """Return a random network of two strided blocks that passes their outputs on detached, to learn block by block."""

    def block(received: int, given: int) -> nn.Sequential:
        return nn.Sequential(
            nn.Conv2d(received, given, 3, 2, 1, bias=False), nn.BatchNorm2d(given), nn.ReLU(inplace=True)
        )

    model = build_seeded(
        lambda: nn.Sequential(block(3, 6), block(6, 8), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3)), (0,)
    )
    sizes = {"mean": (0.5,) * 3, "std": (0.25,) * 3, "input_size": (8, 8)}
    return Teacher(model, ("0", "1"), **sizes, frozen=False, detach_boundaries=True)  # type: ignore[arg-type]


@pytest.fixture
def features() -> tuple[torch.Tensor, torch.Tensor]:
    """Return a batch of Y_1 and Y_2."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(4, 6, 4, 4, generator=generator), torch.randn(4, 8, 2, 2, generator=generator)
