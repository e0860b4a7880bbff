"""Standardised features: each channel of Y_1 .. Y_N with mean 0 and variance 1 over training images.

The features of most teachers are sums behind a ReLU, with means as large as their spread. A student path can give such a
mean only by the biases of its last layers, which Adam moves by no more than the learning rate in a step: for hundreds of
steps a path's error tells how many biases it has, not what it can compute (docs/log.md). Standardised features begin
where the student begins, and every channel counts the same.
"""

from collections.abc import Iterable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from helixnas.errors import TeacherError

MIN_SHARE = 0.1
"""A channel's spread counts as at least this share of its block's: one that hardly ever varies is no target of its own."""


class Standardization(nn.Module):
    """What standardises the features of one boundary, and undoes it.

    Attributes:
        mean: of every channel, (1, channels, 1, 1).
        spread: standard deviation of every channel, (1, channels, 1, 1).

    Examples:
        >>> unit = Standardization(torch.tensor([1.0, 2.0]), torch.tensor([0.5, 4.0]))
        >>> unit(torch.tensor([2.0, 6.0]).reshape(1, 2, 1, 1)).flatten()
        tensor([2., 1.])
        >>> unit.undo(torch.tensor([2.0, 1.0]).reshape(1, 2, 1, 1)).flatten()
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
        """Return the teacher's own features standardised, in the precision that they came in."""
        return ((features - self.mean) / self.spread).to(features.dtype)

    def undo(
        self, features: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch channels height width"]:
        """Return standardised features as the teacher's own."""
        return (features * self.spread + self.mean).to(features.dtype)


def measure_feature_statistics(batches: Iterable[Sequence[Tensor]]) -> tuple[Standardization, ...]:
    """Return what standardises features, from Y_1 .. Y_N of some batches, in the teacher's own units.

    Raises:
        TeacherError: there is no batch, or a feature is not finite.
    """
    sums: list[Tensor] = []
    squares: list[Tensor] = []
    counts: list[int] = []
    for batch in batches:
        wide = [features.double() for features in batch]
        sums = _added(sums, [each.sum((0, 2, 3)) for each in wide])
        squares = _added(squares, [each.square().sum((0, 2, 3)) for each in wide])
        numbers = [each.numel() // each.shape[1] for each in wide]
        counts = [a + b for a, b in zip(counts, numbers, strict=True)] if counts else numbers
    if not counts:
        raise TeacherError("a teacher's features cannot be standardised without a single image")
    return tuple(_unit(*each) for each in zip(range(1, len(counts) + 1), sums, squares, counts, strict=True))


def _added(totals: list[Tensor], more: list[Tensor]) -> list[Tensor]:
    return [total + new for total, new in zip(totals, more, strict=True)] if totals else more


def _unit(block: int, total: Tensor, square: Tensor, count: int) -> Standardization:
    mean = total / count
    variance = (square / count - mean.square()).clamp(min=0)
    if not bool(torch.isfinite(variance).all()):
        raise TeacherError(f"the teacher's features Y_{block} are not finite, so they cannot be learnt")
    typical = float(variance.mean().sqrt())
    return Standardization(mean, variance.sqrt().clamp(min=MIN_SHARE * typical) if typical else torch.ones_like(mean))
