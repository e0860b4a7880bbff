"""Eq. 7 for prefixes of networks, on the student's own features (Table 10).

A prefix is scored at its last block's output only: on the student's own features, this output contains the errors of all
blocks before it.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from helixnas.lab.sequential.beam import Prefix
from helixnas.rating import rate_cell
from helixnas.rating.relative_l1 import RelativeL1
from helixnas.supernet import Supernet, chain_features


def rate_extensions(
    supernet: Supernet, prefixes: Sequence[Prefix], features: Sequence[Tensor]
) -> Float[Tensor, " extensions"]:
    """Return the score of every prefix with every path of the next block, by prefix, then cell, then path.

    All prefixes are equally long: a path for each of blocks 1 .. i - 1, an empty one for block 1. `features` are the
    teacher's Y_0 .. Y_N of a batch; batch norm uses the batch's statistics.
    """
    block = supernet.block(len(prefixes[0]) + 1)
    stem_width, score = supernet.block(1).previous_widths[0], RelativeL1(features[block.number])
    scores: list[Tensor] = []
    with torch.no_grad():
        for prefix in prefixes:
            estimates = chain_features(supernet, prefix, features[0], previous_width=stem_width)
            source, width = (estimates[-1], prefix[-1].width) if prefix else (features[0], stem_width)
            scores += [rate_cell(cell, source, width, score) for cell in block]
    return torch.cat(scores)
