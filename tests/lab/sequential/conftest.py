"""A teacher of two small blocks, the space that learns from it, and images of noise."""

from collections.abc import Callable

import numpy as np
import pytest

from helixnas.data import ImageSet
from helixnas.space import SearchSpace
from helixnas.supernet import Supernet, SupernetConfig, build_supernet
from helixnas.teacher import Teacher


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
    return in_memory(np.random.default_rng(5).integers(0, 256, (24, 8, 8, 3), dtype=np.uint8))


@pytest.fixture
def supernet(space: SearchSpace, teacher: Teacher) -> Supernet:
    """Return the supernet of the space for the teacher."""
    return build_supernet(space, teacher.widths, config=SupernetConfig(), seed=0)
