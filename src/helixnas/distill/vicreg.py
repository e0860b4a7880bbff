"""The self-supervised loss between the two sides of a block: invariance, covariance and spread (Eq. 10 and 11).

The terms have the form of VICReg's code, which the paper's last two follow: the invariance is divided by the number of
dimensions too (else it outweighs the others by that factor), and the hinge acts on both sides, halved. Covariance and
spread are those of the batches of all processes together, so they call for large batches.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from helixnas.distill.config import VicregConfig
from helixnas.distill.objective import in_full_precision
from helixnas.engine.distributed.gather import gather_batch


class VicregTerms(NamedTuple):
    """The three terms of a loss, not weighted; each a scalar, lower is better."""

    invariance: Tensor
    covariance: Tensor
    spread: Tensor

    def total(self, config: VicregConfig) -> Float[Tensor, ""]:
        """Return the weighted sum: Eq. 10 + 11 for one block."""
        return config.lambda_1 * self.invariance + config.lambda_2 * self.covariance + config.lambda_3 * self.spread


def vicreg_terms(
    teacher: Float[Tensor, "part dimensions"], student: Float[Tensor, "part dimensions"], *, config: VicregConfig
) -> VicregTerms:
    """Return the terms between Z_k and Zhat_k, embeddings of this process' images by teacher side and student side.

    Computed in float32 or more on the images of all processes; every process returns the same values.
    """
    with torch.autocast(teacher.device.type, enabled=False):
        z, z_hat = (gather_batch(in_full_precision(side)) for side in (teacher, student))
        hinges = [spread_hinge(side, gamma=config.gamma, epsilon=config.epsilon) for side in (z, z_hat)]
        return VicregTerms(
            invariance=F.mse_loss(z, z_hat),
            covariance=covariance_penalty(z) + covariance_penalty(z_hat),
            spread=(hinges[0] + hinges[1]) / 2,
        )


def covariance_penalty(embeddings: Float[Tensor, "batch dimensions"]) -> Float[Tensor, ""]:
    """Return ||offdiag(Cov(Z))||^2 / C, the second term of Eq. 10 for one side; Cov divides by the batch less one.

    >>> covariance_penalty(torch.tensor([[1.0, 2.0], [3.0, 4.0]])).item()  # both covariances are 2
    4.0
    """
    covariance = torch.cov(embeddings.T).reshape(embeddings.shape[1], -1)
    return (covariance.square().sum() - covariance.diagonal().square().sum()) / embeddings.shape[1]


def spread_hinge(embeddings: Float[Tensor, "batch dimensions"], *, gamma: float, epsilon: float) -> Float[Tensor, ""]:
    """Return the mean over dimensions of max(0, gamma - std), std = sqrt(Var + epsilon) with unbiased Var (Eq. 11).

    >>> spread_hinge(torch.zeros(3, 2), gamma=1.0, epsilon=0.25).item()
    0.5
    """
    std = (embeddings.var(0) + epsilon).sqrt()
    return F.relu(gamma - std).mean()
