"""ONNX files: weights inside, batch norm folded into the convolutions, any batch size.

The input is *normalised* images, as for timm models; the metadata say how to normalise.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from helixnas.engine import INPUT, onnx_content, open_onnx, require_onnx
from helixnas.export.parity import NUM_TRACED, Logits, Parity, reference, write_checked

OUTPUT = "logits"
"""Name of the output in the file."""


def export_onnx(
    model: nn.Module,
    path: Path,
    images: Float[Tensor, "batch channels height width"],
    *,
    tolerance: float,
    metadata: Mapping[str, str],
) -> Parity:
    """Write a model as one ONNX file, whole or not at all, and compare ONNX Runtime's logits with PyTorch's.

    The images to compare on are normalised; `tolerance` is the largest accepted absolute difference of a logit. `metadata`
    are texts to store in the file.

    Raises:
        ConfigError: a package is not installed.
        ExportError: ONNX lacks an operator (named in the message), or the logits differ by more than `tolerance`.
        ArtifactError: the file cannot be written.
    """
    require_onnx("the format onnx")
    twin = reference(model)
    traced = images[:1].repeat(NUM_TRACED, 1, 1, 1)
    content = onnx_content(twin, traced, output=OUTPUT, any_batch=True, metadata=metadata)

    def write(temporary: Path) -> Logits:
        temporary.write_bytes(content)
        return OnnxCall(temporary)

    return write_checked(path, write, twin, images, tolerance=tolerance)


class OnnxCall:
    """An ONNX file as a function from normalised images to logits, on the CPU; arguments and errors as of `open_onnx`."""

    def __init__(self, path: Path, *, num_threads: int = 0) -> None:
        self.session = open_onnx(path, num_threads=num_threads)

    def __call__(self, images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch classes"]:
        """Return the logits of normalised images."""
        (logits,) = self.session.run([OUTPUT], {INPUT: images.contiguous().numpy()})
        return torch.from_numpy(logits)
