"""Standardised features: each channel of Y_1 .. Y_N has mean 0 and variance 1 over training images.

Most teachers' features are sums after a ReLU, with means as large as their standard deviations. A student path can only
produce such means by biases, which Adam changes by at most the learning rate per step: for hundreds of steps the error
of a path reflects its number of biases, not its capacity (docs/log.md). Standardised channels also have equal weights.
"""

from collections.abc import Iterable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from helixnas.engine import to_float64
from helixnas.errors import TeacherError

MIN_SHARE = 0.1
"""Minimum standard deviation of a channel, relative to its block's; keeps almost constant channels from being amplified."""


class Standardization(nn.Module):
    """Standardises the features of one boundary by the mean and standard deviation of every channel, and undoes it.

    >>> standardize = Standardization(torch.tensor([1.0, 2.0]), torch.tensor([0.5, 4.0]))
    >>> standardize(torch.tensor([2.0, 6.0]).reshape(1, 2, 1, 1)).flatten()
    tensor([2., 1.])
    >>> standardize.undo(torch.tensor([2.0, 1.0]).reshape(1, 2, 1, 1)).flatten()
    tensor([2., 6.])
    """

    mean: Tensor
    spread: Tensor

    def __init__(self, mean: Float[Tensor, " channels"], spread: Float[Tensor, " channels"]) -> None:
        super().__init__()
        self.register_buffer("mean", mean.float().reshape(1, -1, 1, 1).clone())
        self.register_buffer("spread", spread.float().reshape(1, -1, 1, 1).clone())

    def forward(
        self, features: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch channels height width"]:
        """Standardise the teacher's features, keeping their dtype."""
        return ((features - self.mean) / self.spread).to(features.dtype)

    def undo(
        self, features: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch channels height width"]:
        """Convert standardised features back to the teacher's."""
        return (features * self.spread + self.mean).to(features.dtype)


def measure_feature_statistics(batches: Iterable[Sequence[Tensor]]) -> tuple[Standardization, ...]:
    """Return the statistics of Y_1 .. Y_N, one `Standardization` per boundary, measured on batches of (Y_1, .., Y_N).

    Raises `TeacherError` if there is no batch, or a feature is not finite.
    """
    totals: list[tuple[Tensor, Tensor, int]] = []
    for batch in batches:
        wide = [to_float64(features) for features in batch]
        new = [(each.sum((0, 2, 3)), each.square().sum((0, 2, 3)), each.numel() // each.shape[1]) for each in wide]
        pairs = zip(totals or [(0, 0, 0)] * len(new), new, strict=True)
        totals = [(a + total, b + square, c + count) for (a, b, c), (total, square, count) in pairs]
    if not totals:
        raise TeacherError("feature statistics need at least one batch of images")
    return tuple(_standardization(block, *each) for block, each in enumerate(totals, start=1))


def _standardization(block: int, total: Tensor, square: Tensor, count: int) -> Standardization:
    mean = total / count
    variance = (square / count - mean.square()).clamp(min=0)
    if not bool(torch.isfinite(variance).all()):
        raise TeacherError(f"the teacher's features Y_{block} are not finite, so no student can learn them")
    typical = float(variance.mean().sqrt())
    return Standardization(mean, variance.sqrt().clamp(min=MIN_SHARE * typical) if typical else torch.ones_like(mean))
