"""The objective that a training unit minimises; the paper's is the mean squared error of Eq. 5 and 6."""

from collections.abc import Callable, Iterator, Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from helixnas.nn import at_common_grid

Features = Sequence[Tensor]
"""The teacher's Y_0 .. Y_N of one view of a batch, each (batch, channels, height, width)."""

Student = Callable[[Tensor], Tensor]
"""One drawn path: maps Y_{k-1} to its estimate of Y_k."""

Objective = Callable[[Sequence[Student], Sequence[Features]], Iterator[Tensor]]
"""Maps the students drawn in a step and the features of every view of the batch to scalar losses.

The unit runs the backward pass of each loss before it asks for the next, so gradients are summed and the memory of one
loss is free before the next is computed. A single loss over all students is allowed too. An objective with parameters
(projectors) is a module within the unit's module; it may send gradients into the teacher's block where features carry them.
"""


def feature_loss(
    prediction: Float[Tensor, "batch channels height width"], target: Float[Tensor, "batch channels height width"]
) -> Float[Tensor, ""]:
    """Return ||Y_k - Yhat_k||^2 / K, K the number of elements; at least in float32, whatever the precision of the features."""
    return F.mse_loss(in_full_precision(prediction), in_full_precision(target))


def in_full_precision(values: Tensor) -> Tensor:
    """Return values in float32, or in float64 where they are."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def feature_objective(block: int) -> Objective:
    """Return Eq. 6 for block k: one loss per student, on the teacher's Y_{k-1} and Y_k of a single view.

    Where the grids of Y_k and its estimate differ, they are compared at the coarser one.
    """

    def losses(students: Sequence[Student], views: Sequence[Features]) -> Iterator[Tensor]:
        (features,) = views
        for student in students:
            yield feature_loss(*at_common_grid(student(features[block - 1]), features[block]))

    return losses
