"""A chain of student blocks (Eq. 2): each takes the output of the previous block, not the teacher's features."""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

from helixnas.space import Path
from helixnas.supernet.supernet import Supernet


def chain_features(
    supernet: Supernet,
    paths: Sequence[Path],
    features: Float[Tensor, "batch channels height width"],
    *,
    previous_width: int,
) -> list[Tensor]:
    """Return the student's estimates of Y_1 .. Y_i, each (batch, channels, height, width), for paths of blocks 1 .. i.

    `features` is Y_0, the normalised images; `previous_width` that of block 1, the output channels of the stem.
    """
    estimates: list[Tensor] = []
    for number, path in enumerate(paths, start=1):
        features = supernet.block(number).cell_of(path)(features, path, previous_width)
        estimates.append(features)
        previous_width = path.width
    return estimates
