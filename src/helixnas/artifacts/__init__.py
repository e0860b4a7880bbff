"""CostTable, RatingTable, Front, RunRecord: frozen values that are also the files of a run."""

from helixnas.artifacts.cost_table import CostTable
from helixnas.artifacts.front import Front
from helixnas.artifacts.rating_table import RatingTable
from helixnas.artifacts.run_record import RunRecord, StageRecord, config_key

__all__ = ["CostTable", "Front", "RatingTable", "RunRecord", "StageRecord", "config_key"]
