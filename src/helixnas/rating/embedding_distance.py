"""The local score of DNA++: how far a path's embeddings are from the teacher side's (Sec. 3.5).

The student's blocks learned to agree with the teacher's in embeddings, not to reproduce features, so Eq. 7 says nothing
about them. Both embeddings are standardised by the teacher side's mean and spread: blocks whose embeddings are spread
more widely would otherwise outweigh the others in the sum of Eq. 4.
"""

from jaxtyping import Float
from torch import Tensor

EPSILON = 1e-4
"""Added to a dimension's variance, as in Eq. 11, so that a dimension that is almost constant stays finite."""


def embedding_distance(
    student: Float[Tensor, "batch dimensions"], teacher: Float[Tensor, "batch dimensions"]
) -> Float[Tensor, ""]:
    """Return the mean squared distance of standardised embeddings over images and dimensions: 0 is perfect, lower is better.

    The means cancel out. Embeddings that have nothing to do with the teacher's, but their mean and spread, score 2.

    >>> import torch
    >>> teacher = torch.tensor([[-1.0], [0.0], [1.0]])
    >>> round(embedding_distance(teacher + 2, teacher).item(), 2)
    4.0
    """
    return ((student - teacher) / (teacher.var(0) + EPSILON).sqrt()).square().mean()
