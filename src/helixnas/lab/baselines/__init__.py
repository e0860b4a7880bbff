"""Baselines in the same space: other ways to rank its networks, trained on labels without a teacher.

SPOS and FairNAS share the weights of one whole network among all; DARTS mixes all operations and learns their shares;
MnasNet briefly trains a sample of networks from scratch. Each is compared at its cost.
"""

from helixnas.lab.baselines.config import METHODS, BaselineConfig, Method
from helixnas.lab.baselines.curve import BaselineRecord, SharedWeights, moments_of
from helixnas.lab.baselines.methods import shared_weights
from helixnas.lab.baselines.one_shot import OneShot
from helixnas.lab.baselines.short import ShortTrainings

__all__ = [
    "METHODS",
    "BaselineConfig",
    "BaselineRecord",
    "Method",
    "OneShot",
    "SharedWeights",
    "ShortTrainings",
    "moments_of",
    "shared_weights",
]
