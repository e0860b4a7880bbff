"""Relative L1: the local score of one path of a student block (Eq. 7).

Training minimises the squared error of Eq. 6. Rating uses this instead: squared error grows with the variance of the
teacher's features, so its values could not be added up across blocks (Eq. 4).
"""

import torch
from jaxtyping import Float
from torch import Tensor

from helixnas.nn import pooled_to


def relative_l1(
    prediction: Float[Tensor, "batch channels height width"], target: Float[Tensor, "batch channels height width"]
) -> Float[Tensor, ""]:
    """Return ||Y_k - Yhat_k||_1 / (K sqrt(Var(Y_k))): 0 is perfect, lower is better; unchanged by the features' scale.

    K and the variance are those of the whole batch tensor.

    >>> target = torch.tensor([-1.0, 1.0]).reshape(1, 1, 1, 2)
    >>> relative_l1(torch.zeros(1, 1, 1, 2), target).item()
    1.0
    """
    return mean_absolute_error(prediction, target) / spread(target)


class RelativeL1:
    """Eq. 7 of many paths against the same Y_k, at the coarser of the two grids; pools Y_k and finds its spread once.

    >>> score = RelativeL1(torch.tensor([-3.0, 1.0, -1.0, 3.0]).reshape(1, 1, 1, 4))
    >>> score(torch.zeros(1, 1, 1, 2)).item()  # the means of the windows are -1 and 1
    1.0
    """

    def __init__(self, target: Float[Tensor, "batch channels height width"]) -> None:
        self._target = target
        self._known: dict[tuple[int, int], tuple[Tensor, Tensor]] = {}

    def __call__(self, prediction: Float[Tensor, "batch channels rows columns"]) -> Float[Tensor, ""]:
        """Return the score of a path from its estimate of Y_k."""
        grid = (int(prediction.shape[2]), int(prediction.shape[3]))
        if grid not in self._known:
            target = pooled_to(self._target, grid)
            self._known[grid] = target, spread(target)
        target, scale = self._known[grid]
        return mean_absolute_error(pooled_to(prediction, (target.shape[2], target.shape[3])), target) / scale


def mean_absolute_error(
    prediction: Float[Tensor, "batch channels height width"], target: Float[Tensor, "batch channels height width"]
) -> Float[Tensor, ""]:
    """Return ||Y_k - Yhat_k||_1 / K in float32."""
    return (prediction.float() - target.float()).abs_().mean()


def spread(target: Float[Tensor, "batch channels height width"]) -> Float[Tensor, ""]:
    """Return sqrt(Var(Y_k)) over the whole batch tensor, the same for every path of the block."""
    return torch.var(target.float(), correction=0).sqrt()
