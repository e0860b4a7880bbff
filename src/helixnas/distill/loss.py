"""The training loss: mean squared error between the student's and the teacher's features (Eq. 5, 6)."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def feature_loss(
    prediction: Float[Tensor, "batch channels height width"], target: Float[Tensor, "batch channels height width"]
) -> Float[Tensor, ""]:
    """Return ||Y_k - Yhat_k||^2 / K, K the number of elements; in float32 whatever the precision of the features."""
    return F.mse_loss(prediction.float(), target.float())
