import pytest
import torch

from helixnas.errors import SpaceError
from helixnas.nn import count_params
from helixnas.space import compound, mbconv
from helixnas.zoo import HelixNet, scale_to

SPACE = mbconv(
    cells=(((2, 16),), ((2, 24),)),
    strides=(2, 2),
    kernels=(3,),
    expansions=(3,),
    stem_width=8,
    separable_width=8,
    head_width=64,
)
START = SPACE.parse("16:mb3_k3,mb3_k3 24:mb3_k3,mb3_k3")


def params_at(steps: float) -> int:
    with torch.device("meta"):
        return count_params(HelixNet(compound(START, steps).architecture, num_classes=10))


def test_scaling_to_a_size_finds_the_largest_network_that_fits() -> None:
    sizes = [params_at(number / 8) for number in range(-16, 9)]
    assert sizes == sorted(sizes)
    for params in (sizes[4], sizes[-2] - 1):
        found = scale_to(START, params=params, num_classes=10)
        with torch.device("meta"):
            count = count_params(HelixNet(found.architecture, num_classes=10))
        assert max(size for size in sizes if size <= params) <= count <= params


def test_the_own_size_gives_the_network_itself_and_its_images() -> None:
    found = scale_to(START, params=params_at(0.0), image_size=32, num_classes=10)
    assert (found.architecture, found.image_size) == (START, 32)


def test_a_size_that_no_scaling_reaches_is_refused_with_the_smallest() -> None:
    with pytest.raises(SpaceError, match=r"has at most 100 parameters; the smallest has 2,280"):
        scale_to(START, params=100, num_classes=10)
