"""Training the chosen architecture from scratch, and the model folder that comes of it."""

from helixnas.retrain.config import RetrainConfig
from helixnas.retrain.model import build_model, load_model, save_model

__all__ = ["RetrainConfig", "build_model", "load_model", "save_model"]
