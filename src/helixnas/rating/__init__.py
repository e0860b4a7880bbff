"""Rating every path of every block on held-out images, and checking that scores add up."""

from helixnas.artifacts.agreement import Agreement, agreement, partial_spearman
from helixnas.rating.loop import BatchRecord, Rating, RatingConfig
from helixnas.rating.path_scores import FINAL_ERROR, FINAL_L1, RELATIVE_L1, SCORES, TASK_KL, PathScores
from helixnas.rating.relative_l1 import relative_l1
from helixnas.rating.stitching import Stitching, StitchingConfig, StitchRecord, stitched_features
from helixnas.rating.tree import rate_cell

__all__ = [
    "FINAL_ERROR",
    "FINAL_L1",
    "RELATIVE_L1",
    "SCORES",
    "TASK_KL",
    "Agreement",
    "BatchRecord",
    "PathScores",
    "Rating",
    "RatingConfig",
    "StitchRecord",
    "Stitching",
    "StitchingConfig",
    "agreement",
    "partial_spearman",
    "rate_cell",
    "relative_l1",
    "stitched_features",
]
