"""Block-wise distillation of the teacher's features into the supernet (DNA, Sec. 3.3)."""

from helixnas.distill.cells import build_distillation, build_units
from helixnas.distill.config import DistillConfig
from helixnas.distill.features import FeatureSource, FrozenTeacher
from helixnas.distill.loop import Distillation, StepRecord
from helixnas.distill.objective import Features, Objective, Student, feature_loss, feature_objective
from helixnas.distill.sampling import Draw, draw_paths
from helixnas.distill.unit import TrainingUnit

__all__ = [
    "DistillConfig",
    "Distillation",
    "Draw",
    "FeatureSource",
    "Features",
    "FrozenTeacher",
    "Objective",
    "StepRecord",
    "Student",
    "TrainingUnit",
    "build_distillation",
    "build_units",
    "draw_paths",
    "feature_loss",
    "feature_objective",
]
