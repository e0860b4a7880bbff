"""The ends of a space."""

import pytest

from helixnas.space import SearchSpace, macro, mbconv, vit
from helixnas.space.extremes import largest_of, smallest_of


@pytest.mark.parametrize(
    ("space", "smallest", "largest"),
    [
        (macro(), "64:identity", "64:mb6_k5,mb6_k5"),
        (mbconv(), "24:mb3_k3,mb3_k3", "32:mb6_k7,mb6_k7"),
        (vit(), "224:attn_r2_5,attn_r2_5,attn_r2_5", "448:attn_r4,attn_r4,attn_r4,attn_r4"),
    ],
)
def test_the_first_block_of_each(space: SearchSpace, smallest: str, largest: str) -> None:
    assert smallest_of(space).text.split()[0] == smallest
    assert largest_of(space).text.split()[0] == largest
