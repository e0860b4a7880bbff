"""Operations as modules, their sizes, and their first weights."""

from helixnas.nn.classifier import build_head, classifier_of
from helixnas.nn.counting import count_macs, count_params
from helixnas.nn.entrance import Entrance, entrance_of, fold_into
from helixnas.nn.initialization import build_seeded, initialize, seed_from, silence_residual
from helixnas.nn.liveness import Counts, count_all
from helixnas.nn.operations import BATCH_STATISTICS, NormLayer, Place, build_operation, build_stage, register_operation

__all__ = [
    "BATCH_STATISTICS",
    "Counts",
    "Entrance",
    "NormLayer",
    "Place",
    "build_head",
    "build_operation",
    "build_seeded",
    "build_stage",
    "classifier_of",
    "count_all",
    "count_macs",
    "count_params",
    "entrance_of",
    "fold_into",
    "initialize",
    "register_operation",
    "seed_from",
    "silence_residual",
]
