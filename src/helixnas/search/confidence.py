"""How certain the choice is: the winner against the runners-up, compared on the same images.

Scores are means over rating batches. Two networks rated on the same batches share the noise of the batches,
so their difference is judged by its own spread over batches (a paired comparison), far smaller than that of either.

Proxies and calibrated scores were not measured per batch: they stand there as the same number on all (`beside`). Alone they have
no standard error; in a sum with rated scores, only the noise of the rating images counts.
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
    difference: float
    """Its summed score minus the winner's; positive: the winner is better."""

    standard_error: float
    """Of the difference over rating batches; nan with a single batch, or for scores that are the same on all."""

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
    """Compare architectures with the winner, in text form, batch by batch.

    Block 1 receives `first_width` channels from the stem. `score` is the kind of score that was summed, by default the
    first; `weights` are lambda_k per block, by default 1.
    """
    sizes = ratings[0].batch_sizes / ratings[0].batch_sizes.sum()
    lambdas = [1.0] * len(ratings) if weights is None else weights
    best = _per_batch(winner, ratings, first_width, score, lambdas)
    comparisons: list[Comparison] = []
    batches = len(sizes) if varies(ratings, score) else 1
    for other in others:
        difference = _per_batch(other, ratings, first_width, score, lambdas) - best
        mean = float(difference @ sizes)
        spread = float(((difference - mean) ** 2) @ sizes) * batches / (batches - 1) if batches > 1 else float("nan")
        comparisons.append(Comparison(other, mean, float(np.sqrt(spread * float(sizes @ sizes)))))
    return tuple(comparisons)


def varies(ratings: Sequence[RatingTable], score: str | None = None) -> bool:
    """Whether a kind of score, by default the first, differs between rating batches: only then differences have an error."""
    return any(bool((np.ptp(table.batches(score), axis=1) > 0).any()) for table in ratings)


def _per_batch(
    text: str, ratings: Sequence[RatingTable], width: int, score: str | None, weights: Sequence[float]
) -> npt.NDArray[np.float64]:
    """Return the summed score of one architecture on every batch."""
    total = np.zeros(len(ratings[0].batch_sizes))
    for path, table, weight in zip(text.split(), ratings, weights, strict=True):
        row = table.row(width, path)
        total += weight * table.batches(score)[row]
        width = int(table.width[row])
    return total
