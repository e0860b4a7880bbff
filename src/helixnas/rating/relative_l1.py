"""Relative L1: the local score of one path of a student block (Eq. 7).

Training minimises the squared error of Eq. 6. Rating uses this instead: squared error grows with the variance of the
teacher's features, so its values could not be added up across blocks (Eq. 4).
"""

import torch
from jaxtyping import Float
from torch import Tensor


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


def mean_absolute_error(
    prediction: Float[Tensor, "batch channels height width"], target: Float[Tensor, "batch channels height width"]
) -> Float[Tensor, ""]:
    """Return ||Y_k - Yhat_k||_1 / K in float32."""
    return (prediction.float() - target.float()).abs_().mean()


def spread(target: Float[Tensor, "batch channels height width"]) -> Float[Tensor, ""]:
    """Return sqrt(Var(Y_k)) over the whole batch tensor, the same for every path of the block."""
    return torch.var(target.float(), correction=0).sqrt()
