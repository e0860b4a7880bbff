from .cells import build_distillation as build_distillation, build_units as build_units
from .collapse import Health as Health, effective_rank as effective_rank
from .config import DistillConfig as DistillConfig, ProjectorConfig as ProjectorConfig, VicregConfig as VicregConfig
from .feature_pool import FeaturePool as FeaturePool, pool_bytes as pool_bytes
from .features import FeatureSource as FeatureSource, FrozenTeacher as FrozenTeacher
from .learning_teacher import LearningTeacher as LearningTeacher
from .loop import Distillation as Distillation, StepRecord as StepRecord
from .objective import (
    Features as Features,
    Objective as Objective,
    Student as Student,
    feature_loss as feature_loss,
    feature_objective as feature_objective,
)
from .sampling import (
    Draw as Draw,
    draw_paths as draw_paths,
    draw_slices as draw_slices,
    num_draws as num_draws,
)
from .pooled_teacher import PooledTeacher as PooledTeacher
from .self_supervised import (
    SelfSupervisedObjective as SelfSupervisedObjective,
    build_heads as build_heads,
    build_self_supervised as build_self_supervised,
)
from .optimizers.sliced_adam import SlicedAdam as SlicedAdam
from .optimizers.sliced_lars import SlicedLars as SlicedLars
from .unit import TrainingUnit as TrainingUnit
