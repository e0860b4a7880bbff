"""A space of two widths and depths per block, its shared weights, and images of noise with labels."""

from collections.abc import Callable

import numpy as np
import pytest
from torch import Tensor

from helixnas.data import ImageSet
from helixnas.engine import Runtime
from helixnas.lab.baselines import BaselineConfig, SharedWeights, shared_weights
from helixnas.lab.baselines.one_shot import OneShot, build_one_shot
from helixnas.space import Architecture, SearchSpace

NUM_IMAGES = 24


def centred(images: Tensor) -> Tensor:
    """Return images in [0, 1] around 0."""
    return images - 0.5


@pytest.fixture
def space(two_blocks: Callable[..., SearchSpace]) -> SearchSpace:
    """Return a space whose second block may receive 4 or 6 channels, and whose head 8 or 6."""
    return two_blocks(head_width=16)


@pytest.fixture
def networks(space: SearchSpace) -> list[Architecture]:
    """Return all 36 networks."""
    first, second = space.blocks
    return [space.architecture((a, b)) for a in first.paths() for b in second.paths()]


@pytest.fixture
def network(space: SearchSpace) -> OneShot:
    return build_one_shot(space, num_classes=3, seed=0)


@pytest.fixture
def images(in_memory: Callable[..., ImageSet]) -> ImageSet:
    """Return labelled images of 8 pixels."""
    rng = np.random.default_rng(5)
    labels = np.arange(NUM_IMAGES) % 3
    pixels = rng.integers(0, 200, (NUM_IMAGES, 8, 8, 3), dtype=np.uint8)
    pixels[np.arange(NUM_IMAGES), :, :, labels] += 50
    return in_memory(pixels, labels)


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
