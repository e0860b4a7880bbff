"""How certain the choice is: the winner against the runners-up, compared on the same images.

Scores are means over rating batches. Two networks rated on the same batches share the noise of the batches,
so their difference is judged by its own spread over batches (a paired comparison), far smaller than that of either.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from helixnas.artifacts.rating_table import RatingTable


@dataclass(frozen=True)
class Comparison:
    """One runner-up beside the winner."""

    architecture: str
    """Text form of the runner-up."""

    difference: float
    """Its summed score minus the winner's; positive: the winner is better."""

    standard_error: float
    """Of the difference over rating batches; nan with a single batch."""

    @property
    def standard_errors(self) -> float:
        """By how many standard errors the winner leads; below about 2 the two cannot be distinguished."""
        return self.difference / self.standard_error if self.standard_error > 0 else float("nan")


def compare(
    winner: str,
    others: Sequence[str],
    ratings: Sequence[RatingTable],
    *,
    first_width: int,
    score: str | None = None,
    weights: Sequence[float] | None = None,
) -> tuple[Comparison, ...]:
    """Compare architectures (text forms) with the winner, batch by batch.

    Args:
        winner: text form of the chosen architecture.
        others: text forms of the others.
        ratings: tables of all blocks.
        first_width: channels that block 1 receives from the stem.
        score: kind of score that was summed; the first by default.
        weights: lambda_k per block, 1 each by default.
    """
    sizes = ratings[0].batch_sizes / ratings[0].batch_sizes.sum()
    lambdas = [1.0] * len(ratings) if weights is None else weights
    best = _per_batch(winner, ratings, first_width, score, lambdas)
    comparisons: list[Comparison] = []
    for other in others:
        difference = _per_batch(other, ratings, first_width, score, lambdas) - best
        mean = float(difference @ sizes)
        batches = len(sizes)
        spread = float(((difference - mean) ** 2) @ sizes) * batches / (batches - 1) if batches > 1 else float("nan")
        comparisons.append(Comparison(other, mean, float(np.sqrt(spread * float(sizes @ sizes)))))
    return tuple(comparisons)


def _per_batch(
    text: str,
    ratings: Sequence[RatingTable],
    width: int,
    score: str | None,
    weights: Sequence[float],
) -> npt.NDArray[np.float64]:
    """Return the summed score of one architecture on every batch."""
    total = np.zeros(len(ratings[0].batch_sizes))
    for path, table, weight in zip(text.split(), ratings, weights, strict=True):
        row = table.row(width, path)
        total += weight * table.batches(score)[row]
        width = int(table.width[row])
    return total
