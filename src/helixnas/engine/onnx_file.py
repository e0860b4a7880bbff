"""Modules as ONNX files and ONNX files as sessions, for measuring, for export and for other devices."""

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
"""Name of the input in every file."""

PACKAGES = ("onnx", "onnxscript", "onnxruntime")


def require_onnx(purpose: str) -> None:
    """Raise `ConfigError` where the packages behind ONNX are not installed."""
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"{purpose} needs {' and '.join(missing)}, which is not installed: pip install 'helixnas[export]'"
        )


def save_onnx(module: nn.Module, images: Tensor, path: Path) -> None:
    """Write a module as one ONNX file, whole or not at all; its shapes are those of `images`, its output ``output``."""
    content = onnx_content(module, images, output="output")
    write_atomically(path, lambda temporary: _write(temporary, content))


def onnx_content(
    module: nn.Module,
    images: Tensor,
    *,
    output: str,
    any_batch: bool = False,
    metadata: Mapping[str, str] | None = None,
) -> bytes:
    """Return the checked content of an ONNX file with its weights inside and batch norms folded into convolutions.

    Args:
        module: is put in eval mode.
        images: what it is traced with.
        output: name of the output; that of the input is `INPUT`.
        any_batch: whether the number of images is left open; `images` must hold more than one then.
        metadata: texts kept in the file.

    Raises:
        ExportError: an operator has no counterpart in ONNX (named), or the module cannot be traced.
    """
    import onnx

    # A file must not speak of the places of this machine, so what the exporter notes on each node goes.
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
    """Open a file as an `onnxruntime.InferenceSession` on the CPU; 0 threads leave the number to ONNX Runtime.

    Its threads rest between two calls: they would else wait busily for more work while something else is timed.

    Raises:
        ExportError: ONNX Runtime has no implementation of an operator (named), or cannot read the file.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = num_threads
    options.log_severity_level = 3
    options.add_session_config_entry("session.force_spinning_stop", "1")
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its errors have no common ancestor
        missing = re.search(r"find an implementation for (\w+)", str(error))
        reason = f"it has no operator {missing[1]}" if missing else first_line(error)
        raise ExportError(f"ONNX Runtime cannot run the model: {reason}") from error


def _trace(module: nn.Module, images: Tensor, output: str, *, any_batch: bool) -> Any:
    """Return torch's ONNX programme of a module, optimised by the exporter."""
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
    """Return one sentence for what the exporter could not do; an operator is named."""
    root = error
    while root.__cause__ is not None:
        root = root.__cause__
    missing = re.search(r"No ONNX function found for <OpOverload\(op='([^']+)'", str(root))
    if missing:
        return ExportError(f"the operator {missing[1]} has no counterpart in ONNX; replace it, or do without ONNX")
    return ExportError(f"the model cannot be traced for ONNX: {first_line(root)}")


@contextmanager
def _quiet() -> Generator[None]:
    """Keep the exporter's own remarks (on operators it replaces, on other versions) away from the user."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)
