from .config import DistillConfig as DistillConfig
from .job import CellJob as CellJob
from .loop import Distillation as Distillation, StepRecord as StepRecord
from .loss import feature_loss as feature_loss
from .progressive import Kept as Kept, Prefix as Prefix, Progressive as Progressive
from .sampling import Draw as Draw, draw_paths as draw_paths
