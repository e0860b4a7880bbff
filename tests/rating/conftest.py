"""A teacher of two small blocks, an untrained supernet for it, and images made up of noise."""

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
from helixnas.engine import Runtime, RuntimeConfig
from helixnas.nn import build_seeded
from helixnas.space import SearchSpace, mbconv
from helixnas.supernet import Interface, Supernet, SupernetConfig, build_supernet
from helixnas.teacher import Teacher

torch.set_num_threads(1)  # tiny tensors: more threads only wait for one another

MakeImages = Callable[[int], ImageSet]
MakeSupernet = Callable[[Interface], Supernet]


def blank(row: int) -> Image.Image:
    """Stand for a file that is never read, because all pixels are in memory."""
    raise AssertionError(row)


@pytest.fixture
def space() -> SearchSpace:
    """Return a space whose second block may receive 4 or 6 channels."""
    return mbconv(
        name="tiny",
        cells=(((2, 4), (1, 6)), ((2, 8), (1, 6))),
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
    """Return a frozen network of two strided convolutions with three classes."""
    model = build_seeded(
        lambda: nn.Sequential(
            nn.Sequential(nn.Conv2d(3, 6, 3, 2, 1), nn.Tanh()),
            nn.Sequential(nn.Conv2d(6, 8, 3, 2, 1), nn.Tanh()),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(8, 3),
        ),
        (0,),
    )
    return Teacher(model, ("0", "1"), mean=(0.5,) * 3, std=(0.25,) * 3, input_size=(8, 8))


@pytest.fixture
def supernet_of(space: SearchSpace, teacher: Teacher) -> MakeSupernet:
    """Return a function that builds the supernet of an interface."""

    def make(interface: Interface) -> Supernet:
        return build_supernet(space, teacher.widths, config=SupernetConfig(interface=interface), seed=0)

    return make


@pytest.fixture
def supernet(supernet_of: MakeSupernet) -> Supernet:
    """Return the supernet with adapters."""
    return supernet_of("adapter")


@pytest.fixture
def make_images() -> MakeImages:
    """Return a function that makes that many labelled rating images of 8 pixels."""

    def make(number: int) -> ImageSet:
        rng = np.random.default_rng(5)
        labels = np.arange(number) % 3
        names = ("a", "b", "c")
        store = ImageStore(
            source=Source(title="noise", num_images=number, labels=labels, class_names=names, read=blank, locate=str),
            pixels=rng.integers(0, 256, (number, 8, 8, 3), dtype=np.uint8),
            unreadable=UnreadableImages(title="noise", num_images=number, max_share=0.0),
            image_size=8,
            augmentation="none",
            crop_ratio=1.0,
            interpolation="bicubic",
            num_workers=0,
        )
        return ImageSet(name="rating", store=store, rows=np.arange(number), all_labels=labels, num_classes=3)

    return make


@pytest.fixture
def runtime() -> Runtime:
    """Return the CPU."""
    return Runtime(RuntimeConfig(device="cpu", num_threads=1))
