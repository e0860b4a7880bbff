from .cells import build_distillation as build_distillation, build_units as build_units
from .config import DistillConfig as DistillConfig
from .features import FeatureSource as FeatureSource, FrozenTeacher as FrozenTeacher
from .loop import Distillation as Distillation, StepRecord as StepRecord
from .objective import (
    Features as Features,
    Objective as Objective,
    Student as Student,
    feature_loss as feature_loss,
    feature_objective as feature_objective,
)
from .sampling import Draw as Draw, draw_paths as draw_paths, draw_slices as draw_slices
from .sliced_adam import SlicedAdam as SlicedAdam
from .unit import TrainingUnit as TrainingUnit
