"""Writing modules as ONNX files and opening them in ONNX Runtime."""

import importlib.util
import logging
import re
import warnings
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from helixnas.artifacts.files import write_atomically
from helixnas.errors import ConfigError, ExportError, first_line

INPUT = "images"
"""Name of the input in all files."""

PACKAGES = ("onnx", "onnxscript", "onnxruntime")


def require_onnx(purpose: str) -> None:
    """Raise `ConfigError` if the packages for ONNX are not installed."""
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"{purpose} needs {' and '.join(missing)}, which is not installed: pip install 'helixnas[export]'"
        )


def save_onnx(module: nn.Module, images: Tensor, path: Path) -> None:
    """Write a module as one ONNX file with the shapes of `images`, whole or not at all; the output is named ``output``."""
    content = onnx_content(module, images, output="output")
    write_atomically(path, lambda temporary: temporary.write_bytes(content))


def onnx_content(
    module: nn.Module,
    images: Tensor,
    *,
    output: str,
    any_batch: bool = False,
    metadata: Mapping[str, str] | None = None,
) -> bytes:
    """Return the content of an ONNX file with weights inside and batch norms folded into convolutions.

    The module is put in eval mode and traced on `images`, of which there must be more than one if the file shall take
    `any_batch`. The output is named `output`, the input `INPUT`. Raises `ExportError` if ONNX lacks an operator (named
    in the message), or the module cannot be traced.
    """
    import onnx

    # The exporter notes paths of this machine on each node; they must not be in the file.
    proto = _trace(module.eval(), images, output, any_batch=any_batch).model_proto
    for graph in (proto.graph, *proto.functions):
        for node in graph.node:
            node.doc_string = ""
            del node.metadata_props[:]
        for value in graph.value_info:
            del value.metadata_props[:]
    for value in (*proto.graph.input, *proto.graph.output, *proto.graph.initializer):
        del value.metadata_props[:]
    del proto.graph.metadata_props[:]
    onnx.helper.set_model_props(proto, dict(metadata or {}))
    onnx.checker.check_model(proto)
    return proto.SerializeToString()


def open_onnx(path: Path, *, num_threads: int = 0) -> Any:
    """Open a file as an `onnxruntime.InferenceSession` on the CPU; with 0 threads ONNX Runtime chooses.

    Its threads do not spin between calls, which would disturb other timings. Raises `ExportError` if ONNX Runtime lacks
    an operator (named in the message), or cannot read the file.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = num_threads
    options.log_severity_level = 3
    options.add_session_config_entry("session.force_spinning_stop", "1")
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its errors have no common base class
        missing = re.search(r"find an implementation for (\w+)", str(error))
        reason = f"it has no operator {missing[1]}" if missing else first_line(error)
        raise ExportError(f"ONNX Runtime cannot run the model: {reason}") from error


def _trace(module: nn.Module, images: Tensor, output: str, *, any_batch: bool) -> Any:
    """Return PyTorch's optimised ONNX program of a module."""
    try:
        with _quiet():
            return torch.onnx.export(
                module,
                (images,),
                dynamo=True,
                optimize=True,
                verbose=False,
                input_names=[INPUT],
                output_names=[output],
                dynamic_shapes=({0: torch.export.Dim("batch")},) if any_batch else None,
            )
    except torch.onnx.OnnxExporterError as error:
        raise _explain(error) from error


def _explain(error: BaseException) -> ExportError:
    """Return an error that names the missing operator or the exporter's reason."""
    root = error
    while root.__cause__ is not None:
        root = root.__cause__
    missing = re.search(r"No ONNX function found for <OpOverload\(op='([^']+)'", str(root))
    if missing:
        return ExportError(f"the operator {missing[1]} does not exist in ONNX; replace it, or choose another format")
    return ExportError(f"the model cannot be traced for ONNX: {first_line(root)}")


@contextmanager
def _quiet() -> Generator[None]:
    """Silence the exporter's logs and warnings."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
