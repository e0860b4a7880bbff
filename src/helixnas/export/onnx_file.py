"""ONNX: one file with weights inside, batch norm folded into the convolutions, any batch size, checked before it is kept.

The file takes *normalised* images, as timm models do, and says in its metadata how to make them.
"""

import contextlib
import importlib.util
import logging
import re
import warnings
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from helixnas.artifacts.files import write_atomically
from helixnas.errors import ConfigError, ExportError
from helixnas.export.parity import NUM_TRACED, Parity, compare, logits_of, reference, require_parity

INPUT, OUTPUT = "images", "logits"
"""Names in the file."""

PACKAGES = ("onnx", "onnxscript", "onnxruntime")


def export_onnx(
    model: nn.Module,
    path: Path,
    images: Float[Tensor, "batch channels height width"],
    *,
    tolerance: float,
    metadata: Mapping[str, str],
    batch_size: int = 16,
) -> Parity:
    """Write a model as one ONNX file, whole or not at all, and return how far ONNX Runtime's logits differ.

    Args:
        model: takes normalised images.
        path: the file.
        images: normalised, to compare on.
        tolerance: largest absolute difference of a logit that is accepted.
        metadata: texts kept in the file.
        batch_size: images at a time in the comparison.

    Raises:
        ConfigError: a package is not installed.
        ExportError: an operator has no counterpart in ONNX (named), or the logits differ by more than `tolerance`.
        ArtifactError: the file cannot be written.
    """
    _require_packages()
    twin, found = reference(model), list[Parity]()
    content = _translate(twin, images[:1].repeat(NUM_TRACED, 1, 1, 1), metadata)

    def write(temporary: Path) -> None:
        temporary.write_bytes(content)
        call = OnnxCall(temporary)
        found.append(require_parity(compare(logits_of(twin), call, images, batch_size=batch_size), tolerance))

    write_atomically(path, write)
    return found[0]


class OnnxCall:
    """An ONNX file as a function from images to logits, on the CPU.

    Args:
        path: the file.
        num_threads: CPU threads; 0 for ONNX Runtime's choice.

    Raises:
        ExportError: ONNX Runtime has no implementation of an operator (named), or cannot read the file.
    """

    def __init__(self, path: Path, *, num_threads: int = 0) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = num_threads
        options.log_severity_level = 3
        try:
            self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # its errors have no common ancestor
            missing = re.search(r"find an implementation for (\w+)", str(error))
            reason = f"it has no operator {missing[1]}" if missing else _one_line(error)
            raise ExportError(f"ONNX Runtime cannot run the model: {reason}") from error

    def __call__(self, images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch classes"]:
        """Return the logits of normalised images."""
        (logits,) = self.session.run([OUTPUT], {INPUT: images.contiguous().numpy()})
        return torch.from_numpy(logits)


def _translate(model: nn.Module, images: Tensor, metadata: Mapping[str, str]) -> bytes:
    """Return the checked content of an ONNX file."""
    import onnx

    # A file must not speak of the places of this machine, so what the exporter notes on each node goes.
    proto = _trace(model, images).model_proto
    for graph in (proto.graph, *proto.functions):
        for node in graph.node:
            node.doc_string = ""
            del node.metadata_props[:]
        for value in graph.value_info:
            del value.metadata_props[:]
    for value in (*proto.graph.input, *proto.graph.output, *proto.graph.initializer):
        del value.metadata_props[:]
    del proto.graph.metadata_props[:]
    onnx.helper.set_model_props(proto, dict(metadata))
    onnx.checker.check_model(proto)
    return proto.SerializeToString()


def _trace(model: nn.Module, images: Tensor) -> Any:
    """Return torch's ONNX programme of a model, its batch norms folded by the exporter's optimiser."""
    try:
        with _quiet():
            return torch.onnx.export(
                model,
                (images,),
                dynamo=True,
                optimize=True,
                verbose=False,
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_shapes=({0: torch.export.Dim("batch")},),
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
        return ExportError(
            f"the operator {missing[1]} has no counterpart in ONNX; export to pt2, or replace it in the model"
        )
    return ExportError(f"the model cannot be traced for ONNX: {_one_line(root)}")


def _require_packages() -> None:
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigError(f"the format onnx needs {' and '.join(missing)}: pip install 'helixnas[export]'")


@contextlib.contextmanager
def _quiet() -> Generator[None]:
    """Keep the exporter's remarks on its own progress and on other versions away from the user."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _one_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:240] if lines else type(error).__name__
