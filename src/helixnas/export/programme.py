"""pt2: a model as torch.export's programme, which runs without this package and any batch size."""

import json
import warnings
from collections.abc import Mapping
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from helixnas.artifacts.files import write_atomically
from helixnas.errors import ExportError
from helixnas.export.parity import NUM_TRACED, Parity, compare, logits_of, reference, require_parity

METADATA = "helixnas.json"
"""Name under which `torch.export.load(..., extra_files=...)` finds the metadata."""


def export_pt2(
    model: nn.Module,
    path: Path,
    images: Float[Tensor, "batch channels height width"],
    *,
    tolerance: float,
    metadata: Mapping[str, str],
    batch_size: int = 16,
) -> Parity:
    """Write a model as a programme for `torch.export.load`, whole or not at all; see `export_onnx` for arguments.

    Raises:
        ExportError: the model cannot be traced, or the logits differ by more than `tolerance`.
        ArtifactError: the file cannot be written.
    """
    twin, found = reference(model), list[Parity]()
    try:
        programme = torch.export.export(
            twin,
            (images[:1].repeat(NUM_TRACED, 1, 1, 1),),
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            strict=False,
        )
    except Exception as error:  # whatever the model's own code raises while it is traced
        detail = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ExportError(f"the model cannot be traced for pt2: {detail[:240]}") from error

    def write(temporary: Path) -> None:
        with temporary.open("wb") as file:
            torch.export.save(programme, file, extra_files={METADATA: json.dumps(dict(metadata))})
        with temporary.open("rb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            loaded = torch.export.load(file).module()
        found.append(
            require_parity(compare(logits_of(twin), logits_of(loaded), images, batch_size=batch_size), tolerance)
        )

    write_atomically(path, write)
    return found[0]
