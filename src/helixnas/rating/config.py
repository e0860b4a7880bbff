"""RatingConfig and StitchingConfig: how paths are rated, and how the additivity of their scores is checked."""

from typing import Annotated, Literal

from helixnas.errors import ConfigError
from helixnas.settings import Ge, OneOf, Unit, settings

RELATIVE_L1 = "relative_l1"
TASK_KL = "task_kl"
LOG_KL = "log_kl"
FINAL_ERROR = "final_error"
FINAL_L1 = "final_l1"
EMBEDDING_DISTANCE = "embedding_distance"
SCORES = (RELATIVE_L1, TASK_KL, LOG_KL, FINAL_ERROR, FINAL_L1)
"""Names of the scores in a `RatingTable` of a fixed teacher, explained at `RatingConfig.scores`; lower is better."""


@settings("rating")
class RatingConfig:
    """How paths are rated."""

    batch_size: Annotated[int, Ge(2), Unit("images")] = 256
    """Images per rating batch, from which batch norm takes its statistics."""

    batch_norm: Literal["batch", "recalibrated"] = "batch"
    """Batch norm statistics: of the rated batch (batch), or of the previous batch, which has other images (recalibrated)."""

    readout: Literal["none", "linear"] = "none"
    """Comparison with Y_k: of a path's output (none, the paper's), or of an affine map of it, fitted to Y_k on training
    images by ridge regression (linear). The map corrects last layers that many paths share."""

    readout_images: Annotated[int, Ge(2), Unit("images")] = 2000
    """Training images to fit readouts on (all, if there are fewer)."""

    scores: tuple[Annotated[str, OneOf((*SCORES, EMBEDDING_DISTANCE))], ...] = (RELATIVE_L1,)
    """Scores to compute for each path: relative_l1 (Eq. 7) at the block's output; or, with the path in place of the teacher's
    block, final_l1 and final_error (log of Eq. 7 and of the relative squared error) at the teacher's last features, and
    task_kl and log_kl (KL divergence and its logarithm) at its output. With distill.objective=self-supervised:
    embedding_distance, the mean squared distance between both sides' embeddings, standardised by the teacher side's spread."""

    def __post_init__(self) -> None:
        if not self.scores or len(set(self.scores)) < len(self.scores):
            raise ConfigError(f"rating.scores must name at least one score, each once, not {list(self.scores)}")


@settings("stitching")
class StitchingConfig:
    """How the additivity of the scores is checked."""

    WITHOUT = "to leave the check out, set stitching.num_architectures to 0"

    num_architectures: Annotated[int, Ge(0), Unit("architectures")] = 60
    """Random architectures to stitch from supernet blocks; 0 to skip the check."""

    num_images: Annotated[int, Ge(2), Unit("images")] = 1024
    """Rating images to evaluate each architecture on (all, if there are fewer)."""

    batch_size: Annotated[int, Ge(2), Unit("images")] = 256
    """Images per batch, from which batch norm takes its statistics."""
