from .cost_table import CostTable as CostTable
from .front import Front as Front
from .rating_table import RatingTable as RatingTable
from .run_record import RunRecord as RunRecord, StageRecord as StageRecord, config_key as config_key
