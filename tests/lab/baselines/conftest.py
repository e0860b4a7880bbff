"""A space of two widths and depths per block, its shared weights, and images of noise with labels."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from helixnas.data import ImageSet
from helixnas.data.loading import ImageStore
from helixnas.data.source import Source
from helixnas.data.unreadable import UnreadableImages
from helixnas.engine import Runtime, RuntimeConfig
from helixnas.lab.baselines import BaselineConfig, SharedWeights, shared_weights
from helixnas.lab.baselines.one_shot import OneShot, build_one_shot
from helixnas.space import Architecture, SearchSpace, mbconv

torch.set_num_threads(1)  # tiny tensors: more threads only wait for one another

NUM_IMAGES = 24


def blank(row: int) -> Image.Image:
    """Stand for a file that is never read, because all pixels are in memory."""
    raise AssertionError(row)


def centred(images: Tensor) -> Tensor:
    """Return images in [0, 1] around 0."""
    return images - 0.5


@pytest.fixture
def space() -> SearchSpace:
    """Return a space whose second block may receive 4 or 6 channels, and whose head 8 or 6."""
    return mbconv(
        name="tiny",
        cells=(((2, 4), (1, 6)), ((2, 8), (1, 6))),
        strides=(2, 2),
        kernels=(3, 5),
        expansions=(2,),
        stem_width=4,
        stem_stride=1,
        separable_width=0,
        head_width=16,
    )


@pytest.fixture
def networks(space: SearchSpace) -> list[Architecture]:
    """Return all 36 networks."""
    first, second = space.blocks
    return [space.architecture((a, b)) for a in first.paths() for b in second.paths()]


@pytest.fixture
def network(space: SearchSpace) -> OneShot:
    return build_one_shot(space, num_classes=3, seed=0)


@pytest.fixture
def images() -> ImageSet:
    """Return labelled images of 8 pixels."""
    rng = np.random.default_rng(5)
    labels = np.arange(NUM_IMAGES) % 3
    pixels = rng.integers(0, 200, (NUM_IMAGES, 8, 8, 3), dtype=np.uint8)
    pixels[np.arange(NUM_IMAGES), :, :, labels] += 50
    store = ImageStore(
        source=Source(
            title="noise", num_images=NUM_IMAGES, labels=labels, class_names=("a", "b", "c"), read=blank, locate=str
        ),
        pixels=pixels,
        unreadable=UnreadableImages(title="noise", num_images=NUM_IMAGES, max_share=0.0),
        image_size=8,
        augmentation="none",
        crop_ratio=1.0,
        interpolation="bicubic",
        num_workers=0,
    )
    return ImageSet(name="training", store=store, rows=np.arange(NUM_IMAGES), all_labels=labels, num_classes=3)


@pytest.fixture
def runtime() -> Runtime:
    """Return the CPU."""
    return Runtime(RuntimeConfig(device="cpu", num_threads=1))


MakeJob = Callable[..., SharedWeights]


@pytest.fixture
def make_job(space: SearchSpace, networks: list[Architecture], images: ImageSet, runtime: Runtime) -> MakeJob:
    """Return a function that makes the job of a method on 4 networks; keywords are settings."""

    def make(method: str, *, seed: int = 0, **settings: object) -> SharedWeights:
        given = {"num_networks": 4, "num_points": 2, "num_epochs": 1, "batch_size": 6, "num_calibration": 12}
        config = BaselineConfig(method=method, **{**given, **settings})  # type: ignore[arg-type]
        return shared_weights(
            space,
            networks[::9],
            config=config,
            train=images,
            rating=images,
            rating_batch_size=8,
            runtime=runtime,
            normalize=centred,
            seed=seed,
        )

    return make
