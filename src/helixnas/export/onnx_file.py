"""ONNX: one file with weights inside, batch norm folded into the convolutions, any batch size, checked before it is kept.

The file takes *normalised* images, as timm models do, and says in its metadata how to make them.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from helixnas.artifacts.files import write_atomically
from helixnas.engine import INPUT, onnx_content, open_onnx, require_onnx
from helixnas.export.parity import NUM_TRACED, Parity, compare, logits_of, reference, require_parity

OUTPUT = "logits"
"""Name of the output in the file."""


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
    require_onnx("the format onnx")
    twin, found = reference(model), list[Parity]()
    traced = images[:1].repeat(NUM_TRACED, 1, 1, 1)
    content = onnx_content(twin, traced, output=OUTPUT, any_batch=True, metadata=metadata)

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
        self.session = open_onnx(path, num_threads=num_threads)

    def __call__(self, images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch classes"]:
        """Return the logits of normalised images."""
        (logits,) = self.session.run([OUTPUT], {INPUT: images.contiguous().numpy()})
        return torch.from_numpy(logits)
