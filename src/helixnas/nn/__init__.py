"""Operations as modules, their sizes, and their initial weights."""

from helixnas.nn.classifier import build_head, classifier_of
from helixnas.nn.counting import count_macs, count_params, meta_copy
from helixnas.nn.entrance import Entrance, entrance_of, fold_into
from helixnas.nn.initialization import build_seeded, initialize, seed_from, silence_residual
from helixnas.nn.liveness import Counts, count_all
from helixnas.nn.normalization import Normalization
from helixnas.nn.operations import (
    BATCH_STATISTICS,
    NormLayer,
    Place,
    build_operation,
    build_stage,
    build_stages,
    register_operation,
)
from helixnas.nn.weights_file import load_saved_weights, save_weights

__all__ = [
    "BATCH_STATISTICS",
    "Counts",
    "Entrance",
    "NormLayer",
    "Normalization",
    "Place",
    "build_head",
    "build_operation",
    "build_seeded",
    "build_stage",
    "build_stages",
    "classifier_of",
    "count_all",
    "count_macs",
    "count_params",
    "entrance_of",
    "fold_into",
    "initialize",
    "load_saved_weights",
    "meta_copy",
    "register_operation",
    "save_weights",
    "seed_from",
    "silence_residual",
]
