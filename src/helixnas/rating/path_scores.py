"""Scores of a path: Eq. 7; four that run the rest of the teacher on the path's features (not in the paper); that of DNA++.

Eq. 7 weighs all features alike, whatever they mean to later layers. For the other scores, the path replaces block k, the
frozen rest of the teacher runs on its output, and the result is compared with the teacher's own last features or logits.
They need no labels and, like Eq. 7, are summed over blocks; they cost one pass through the rest of the teacher per path.
At the logits, a narrow path loses nothing by its width alone: what the teacher needs fits into few channels, while Eq. 7 wants
all of them back.
In DNA++ a path need not reproduce the teacher's features; it is rated by its embedding (`helixnas.rating.embedding_distance`).
"""

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from helixnas.nn import BlockHeads, pooled_to
from helixnas.rating.config import EMBEDDING_DISTANCE, FINAL_ERROR, FINAL_L1, LOG_KL, RELATIVE_L1, TASK_KL
from helixnas.rating.embedding_distance import embedding_distance
from helixnas.rating.relative_l1 import RelativeL1, relative_l1
from helixnas.teacher import Teacher

SMALLEST = 1e-12
"""Least relative error, squared or not, and least divergence, so that the logarithm is finite for a perfect path."""


@dataclass(eq=False)
class PathScores:
    """Scores the paths of block number `block` (1 .. N) on one batch.

    `names` are those of `SCORES`, images have values in [0, 1], features (Y_0 .. Y_N) and logits are the teacher's; the
    block's projection `heads` are needed for the embedding distance only.
    """

    names: Sequence[str]
    _: KW_ONLY
    teacher: Teacher
    images: Float[Tensor, "batch channels height width"]
    features: Sequence[Tensor]
    logits: Float[Tensor, "batch classes"]
    block: int
    heads: BlockHeads | None = None

    def __post_init__(self) -> None:
        self.last, self.grid = self.features[-1], self.teacher.feature_sizes[self.block - 1]
        self.logits = self.logits.float()
        self.relative_l1 = RelativeL1(self.features[self.block])
        self.embeddings = None if self.heads is None else self.heads.teacher(self.features[self.block]).float()

    def __call__(self, prediction: Float[Tensor, "batch channels height width"]) -> Float[Tensor, " scores"]:
        """Return the scores of a path from its estimate of Y_k."""
        values: dict[str, Tensor] = {}
        if RELATIVE_L1 in self.names:
            values[RELATIVE_L1] = self.relative_l1(prediction)
        if EMBEDDING_DISTANCE in self.names:
            assert self.heads is not None, "a rating by embeddings is given heads"
            assert self.embeddings is not None, "made from them"
            values[EMBEDDING_DISTANCE] = embedding_distance(self.heads.student(prediction).float(), self.embeddings)
        rest = set(self.names) - {RELATIVE_L1, EMBEDDING_DISTANCE}
        prediction, logits = pooled_to(prediction, self.grid) if rest else prediction, None
        if FINAL_ERROR in self.names or FINAL_L1 in self.names:
            last, logits = self.teacher.finish_from(self.images, self.block, prediction)
            values[FINAL_ERROR] = relative_error(last, self.last).clamp(min=SMALLEST).log()
            values[FINAL_L1] = relative_l1(last, self.last).clamp(min=SMALLEST).log()
        elif rest:
            logits = self.teacher.continue_from(self.images, self.block, prediction)
        if logits is not None:
            values[TASK_KL] = kl_divergence(logits.float(), self.logits)
            values[LOG_KL] = values[TASK_KL].clamp(min=SMALLEST).log()
        return torch.stack([values[name] for name in self.names])


def relative_error(
    prediction: Float[Tensor, "batch channels height width"], target: Float[Tensor, "batch channels height width"]
) -> Float[Tensor, ""]:
    """Return ||Y - Yhat||_2^2 / (K Var(Y)) over the whole batch tensor: 0 is perfect, 1 is as good as the mean.

    >>> target = torch.tensor([-1.0, 1.0]).reshape(1, 1, 1, 2)
    >>> relative_error(torch.zeros(1, 1, 1, 2), target).item()
    1.0
    """
    target = target.float()
    return F.mse_loss(prediction.float(), target) / torch.var(target, correction=0)


def kl_divergence(
    logits: Float[Tensor, "batch classes"], expected: Float[Tensor, "batch classes"]
) -> Float[Tensor, ""]:
    """Return the mean over images of KL(teacher || other) in nats; 0 if the outputs agree."""
    log_p, log_q = F.log_softmax(expected, 1), F.log_softmax(logits, 1)
    return F.kl_div(log_q, log_p, log_target=True, reduction="batchmean")
