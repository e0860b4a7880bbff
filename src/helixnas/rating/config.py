"""RatingConfig and StitchingConfig: how paths are rated, and how the additivity of their scores is checked."""

from typing import Annotated, Literal

from helixnas.errors import ConfigError
from helixnas.settings import Ge, OneOf, Unit, settings

RELATIVE_L1 = "relative_l1"
TASK_KL = "task_kl"
FINAL_ERROR = "final_error"
FINAL_L1 = "final_l1"
SCORES = (RELATIVE_L1, TASK_KL, FINAL_ERROR, FINAL_L1)
"""Names of the scores in a `RatingTable`, explained at `RatingConfig.scores`; lower is better."""


@settings("rating")
class RatingConfig:
    """How paths are rated."""

    batch_size: Annotated[int, Ge(2), Unit("images")] = 256
    """Images per rating batch; batch norm takes its statistics over it."""

    batch_norm: Literal["batch", "recalibrated"] = "batch"
    """Batch norm statistics: of the rated batch (batch), or of the batch before it, of other images (recalibrated)."""

    readout: Literal["none", "linear"] = "none"
    """Features that are rated: a path's output (none, the paper's), or its affine map closest to Y_k on training images, in
    closed form (linear), which measures a path's features apart from the last layer that it shares with others."""

    readout_images: Annotated[int, Ge(2), Unit("images")] = 2000
    """Training images that readouts are fitted on (at most as many as there are)."""

    scores: tuple[Annotated[str, OneOf(SCORES)], ...] = (RELATIVE_L1,)
    """Scores of a path: relative_l1 (Eq. 7), or how far the rest of the teacher, run on the path's output, differs from the
    teacher: final_l1 and final_error (log of Eq. 7 and of the squared error at its last features), task_kl (its logits)."""

    def __post_init__(self) -> None:
        if not self.scores or len(set(self.scores)) < len(self.scores):
            raise ConfigError(f"rating.scores must name at least one score, each once, not {list(self.scores)}")


@settings("stitching")
class StitchingConfig:
    """How the additivity of the scores is checked."""

    num_architectures: Annotated[int, Ge(0), Unit("architectures")] = 60
    """Random architectures to stitch from supernet blocks; 0 to skip the check."""

    num_images: Annotated[int, Ge(2), Unit("images")] = 1024
    """Rating images that each architecture is evaluated on (at most as many as there are)."""

    batch_size: Annotated[int, Ge(2), Unit("images")] = 256
    """Images per batch; batch norm takes its statistics over it."""
