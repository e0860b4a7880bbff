"""Training the chosen architecture, from scratch or from inherited weights, and saving it as a model folder."""

from helixnas.retrain.config import InheritConfig, RetrainConfig
from helixnas.retrain.finetune import FinetuneConfig, with_new_head
from helixnas.retrain.head import FrozenBody
from helixnas.retrain.inherit import StitchedNetwork, fold, inherit, recalibrate
from helixnas.retrain.model import build_model, load_model, save_model
from helixnas.retrain.teaching import objective_of

__all__ = [
    "FinetuneConfig",
    "FrozenBody",
    "InheritConfig",
    "RetrainConfig",
    "StitchedNetwork",
    "build_model",
    "fold",
    "inherit",
    "load_model",
    "objective_of",
    "recalibrate",
    "save_model",
    "with_new_head",
]
