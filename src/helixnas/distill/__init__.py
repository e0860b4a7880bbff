"""Block-wise distillation of the teacher's features into the supernet (DNA, Sec. 3.3)."""

from helixnas.distill.config import DistillConfig
from helixnas.distill.job import CellJob
from helixnas.distill.loop import Distillation, StepRecord
from helixnas.distill.loss import feature_loss
from helixnas.distill.progressive import Kept, Prefix, Progressive
from helixnas.distill.sampling import Draw, draw_paths

__all__ = [
    "CellJob",
    "DistillConfig",
    "Distillation",
    "Draw",
    "Kept",
    "Prefix",
    "Progressive",
    "StepRecord",
    "draw_paths",
    "feature_loss",
]
