"""A teacher of two small blocks, the space that learns from it, and images made up of waves."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from helixnas.data import ImageSet
from helixnas.data.loading import ImageStore
from helixnas.data.source import Source
from helixnas.data.unreadable import UnreadableImages
from helixnas.distill import Distillation, DistillConfig
from helixnas.engine import Runtime, RuntimeConfig
from helixnas.nn import build_seeded
from helixnas.space import SearchSpace, mbconv
from helixnas.supernet import Supernet, SupernetConfig, build_supernet
from helixnas.teacher import Teacher

MakeDistillation = Callable[..., Distillation]


torch.set_num_threads(1)  # tiny tensors: more threads only wait for one another


def blank(row: int) -> Image.Image:
    """Stand for a file that is never read, because all pixels are in memory."""
    raise AssertionError(row)


@pytest.fixture
def space() -> SearchSpace:
    """Return a space whose second block may receive 4 or 6 channels."""
    return mbconv(
        name="tiny",
        cells=(((2, 4), (1, 6)), ((2, 8),)),
        strides=(2, 2),
        kernels=(3, 5),
        expansions=(2,),
        stem_width=4,
        stem_stride=1,
        separable_width=0,
        head_width=0,
    )


@pytest.fixture
def teacher() -> Teacher:
    """Return a frozen network of two strided convolutions."""
    model = build_seeded(
        lambda: nn.Sequential(
            nn.Sequential(nn.Conv2d(3, 6, 3, 2, 1), nn.Tanh()),
            nn.Sequential(nn.Conv2d(6, 8, 3, 2, 1), nn.Tanh()),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        ),
        (0,),
    )
    return Teacher(model, ("0", "1"), mean=(0.5,) * 3, std=(0.25,) * 3, input_size=(8, 8))


@pytest.fixture
def images() -> ImageSet:
    """Return 24 training images of 8 pixels."""
    rng = np.random.default_rng(5)
    waves = np.arange(8)[None, :, None] * rng.uniform(0, 2, (24, 1, 3)) + rng.uniform(0, 6, (24, 1, 3))
    pixels = (127.5 + 120 * np.sin(waves[:, :, None] + waves[:, None, :])).astype(np.uint8)
    store = ImageStore(
        source=Source(title="waves", num_images=24, labels=None, class_names=(), read=blank, locate=str),
        pixels=pixels,
        unreadable=UnreadableImages(title="waves", num_images=24, max_share=0.0),
        image_size=8,
        augmentation="none",
        crop_ratio=1.0,
        interpolation="bicubic",
        num_workers=0,
    )
    return ImageSet(name="training", store=store, rows=np.arange(24), all_labels=None, num_classes=0)


@pytest.fixture
def runtime() -> Runtime:
    """Return the CPU."""
    return Runtime(RuntimeConfig(device="cpu", num_threads=1))


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
        return Distillation(teacher, supernet, images, config=config, runtime=runtime, seed=seed, blocks=blocks)

    return make


@pytest.fixture
def features() -> tuple[torch.Tensor, torch.Tensor]:
    """Return a batch of Y_1 and Y_2."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(4, 6, 4, 4, generator=generator), torch.randn(4, 8, 2, 2, generator=generator)
