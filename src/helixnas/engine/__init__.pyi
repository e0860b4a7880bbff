from .checkpoint import load_checkpoint as load_checkpoint, save_checkpoint as save_checkpoint
from .evaluation import Evaluation as Evaluation, evaluate as evaluate
from .float64 import float64_device as float64_device, to_float64 as to_float64
from .fit import Fit as Fit, FitRecord as FitRecord, Objective as Objective
from .config import FitConfig as FitConfig, RuntimeConfig as RuntimeConfig
from .onnx_file import (
    INPUT as INPUT,
    onnx_content as onnx_content,
    open_onnx as open_onnx,
    require_onnx as require_onnx,
    save_onnx as save_onnx,
)
from .runtime import Runtime as Runtime, explain_out_of_memory as explain_out_of_memory, wait_for as wait_for
from .timing import Stopwatch as Stopwatch, median_seconds as median_seconds
