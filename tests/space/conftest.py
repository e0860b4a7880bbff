"""A space small enough to walk, and a strategy over the architectures of real ones."""

import pytest

from helixnas.space import SearchSpace, mbconv


@pytest.fixture
def small_space() -> SearchSpace:
    """Return a space of 6 x 4 = 24 architectures; its first block has two widths."""
    return mbconv(
        name="small",
        cells=(((1, 8), (2, 16)), ((2, 16),)),
        strides=(2, 1),
        kernels=(3, 5),
        expansions=(3,),
        stem_width=8,
        stem_stride=1,
        separable_width=0,
        head_width=0,
    )
