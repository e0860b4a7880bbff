"""Training machinery: device and precision, checkpoints, an ordinary classifier loop."""

from helixnas.engine.checkpoint import load_checkpoint, save_checkpoint
from helixnas.engine.evaluation import Evaluation, evaluate
from helixnas.engine.fit import Fit, FitRecord, Objective
from helixnas.engine.fit_config import FitConfig
from helixnas.engine.onnx_file import INPUT, onnx_content, open_onnx, require_onnx, save_onnx
from helixnas.engine.runtime import Runtime, RuntimeConfig, explain_out_of_memory, wait_for
from helixnas.engine.timing import Stopwatch, median_seconds

__all__ = [
    "INPUT",
    "Evaluation",
    "Fit",
    "FitConfig",
    "FitRecord",
    "Objective",
    "Runtime",
    "RuntimeConfig",
    "Stopwatch",
    "evaluate",
    "explain_out_of_memory",
    "load_checkpoint",
    "median_seconds",
    "onnx_content",
    "open_onnx",
    "require_onnx",
    "save_checkpoint",
    "save_onnx",
    "wait_for",
]
