from .config import (
    EMBEDDING_DISTANCE as EMBEDDING_DISTANCE,
    FINAL_ERROR as FINAL_ERROR,
    FINAL_L1 as FINAL_L1,
    LOG_KL as LOG_KL,
    RELATIVE_L1 as RELATIVE_L1,
    SCORES as SCORES,
    TASK_KL as TASK_KL,
    RatingConfig as RatingConfig,
    StitchingConfig as StitchingConfig,
)
from .embedding_distance import embedding_distance as embedding_distance
from .linear_probe import (
    Probe as Probe,
    fit_classifier as fit_classifier,
    pooled_features as pooled_features,
    probe as probe,
)
from .loop import BatchRecord as BatchRecord, Rating as Rating
from .path_scores import PathScores as PathScores
from .relative_l1 import relative_l1 as relative_l1
from .shard import Shard as Shard
from .stitched_head import StitchedHead as StitchedHead, fit_readouts as fit_readouts
from .stitching import Stitching as Stitching, StitchRecord as StitchRecord, stitched_features as stitched_features
from .tree import rate_cell as rate_cell
