"""A teacher of two small blocks, an untrained supernet for it, and images made up of noise."""

from collections.abc import Callable

import numpy as np
import pytest

from helixnas.data import ImageSet
from helixnas.space import SearchSpace
from helixnas.supernet import Interface, Supernet, SupernetConfig, build_supernet
from helixnas.teacher import Teacher

MakeImages = Callable[[int], ImageSet]
MakeSupernet = Callable[[Interface], Supernet]


@pytest.fixture
def space(two_blocks: Callable[..., SearchSpace]) -> SearchSpace:
    """Return a space whose second block may receive 4 or 6 channels."""
    return two_blocks()


@pytest.fixture
def teacher(two_convolutions: Callable[[int], Teacher]) -> Teacher:
    """Return a frozen network of two strided convolutions with three classes."""
    return two_convolutions(3)


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
def make_images(in_memory: Callable[..., ImageSet]) -> MakeImages:
    """Return a function that makes that many labelled rating images of 8 pixels."""

    def make(number: int) -> ImageSet:
        pixels = np.random.default_rng(5).integers(0, 256, (number, 8, 8, 3), dtype=np.uint8)
        return in_memory(pixels, np.arange(number) % 3, name="rating")

    return make
