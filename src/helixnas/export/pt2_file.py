"""pt2 files: a model as a `torch.export` program, which runs without this package and for any batch size."""

import json
import warnings
from collections.abc import Mapping
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from helixnas.errors import ExportError, first_line
from helixnas.export.parity import NUM_TRACED, Logits, Parity, logits_of, reference, write_checked

METADATA = "helixnas.json"
"""Name of the metadata for `torch.export.load(..., extra_files=...)`."""


def export_pt2(
    model: nn.Module,
    path: Path,
    images: Float[Tensor, "batch channels height width"],
    *,
    tolerance: float,
    metadata: Mapping[str, str],
) -> Parity:
    """Write a model as a file for `torch.export.load`, whole or not at all; arguments are those of `export_onnx`.

    Raises:
        ExportError: the model cannot be traced, or the logits differ by more than `tolerance`.
        ArtifactError: the file cannot be written.
    """
    twin = reference(model)
    try:
        traced, any_batch = images[:1].repeat(NUM_TRACED, 1, 1, 1), {0: torch.export.Dim("batch")}
        program = torch.export.export(twin, (traced,), dynamic_shapes=(any_batch,), strict=False)
    except Exception as error:  # the model's own code can raise anything
        raise ExportError(f"the model cannot be traced for pt2: {first_line(error)}") from error

    def write(temporary: Path) -> Logits:
        with temporary.open("wb") as file:
            torch.export.save(program, file, extra_files={METADATA: json.dumps(dict(metadata))})
        with temporary.open("rb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return logits_of(torch.export.load(file).module())

    return write_checked(path, write, twin, images, tolerance=tolerance)
