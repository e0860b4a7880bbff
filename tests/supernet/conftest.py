"""A space of two blocks with two widths between them, small enough to try every path."""

import pytest

from helixnas.space import SearchSpace, mbconv


@pytest.fixture
def space() -> SearchSpace:
    """Return a space whose second block may receive 8 or 12 channels."""
    return mbconv(
        name="tiny",
        cells=(((2, 8), (1, 12)), ((2, 16), (1, 16))),
        strides=(2, 2),
        kernels=(3, 5),
        expansions=(2,),
        stem_width=8,
        stem_stride=1,
        separable_width=0,
        head_width=0,
    )
