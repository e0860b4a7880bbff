import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from helixnas.errors import ExportError
from helixnas.export import export_pt2
from helixnas.export.pt2_file import METADATA
from helixnas.space import Architecture


def test_the_file_computes_the_same_without_this_package_and_for_any_batch(
    model: nn.Module, images: Tensor, tmp_path: Path
) -> None:
    path = tmp_path / "model.pt2"
    parity = export_pt2(model, path, images, tolerance=0.0, metadata={"mean": "0.5"})
    assert (parity.largest_difference, parity.num_images) == (0.0, 8)
    extra = {METADATA: ""}
    loaded = torch.export.load(path, extra_files=extra).module()
    assert json.loads(extra[METADATA]) == {"mean": "0.5"}
    with torch.no_grad():
        assert torch.equal(loaded(images[:3]), model(images[:3]))


class Deciding(nn.Module):
    """Cannot be traced: its path depends on the values."""

    def forward(self, images: Tensor) -> Tensor:
        """Return the mean or the maximum."""
        return images.mean((2, 3)) if images.sum() > 0 else images.amax((2, 3))


def test_a_model_that_cannot_be_traced_is_one_sentence_and_leaves_nothing(images: Tensor, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="the model cannot be traced for pt2: Could not guard"):
        export_pt2(Deciding(), tmp_path / "model.pt2", images, tolerance=1e-4, metadata={})
    assert not list(tmp_path.iterdir())


def test_a_vision_transformer_computes_the_same_for_any_batch(
    build: Callable[..., nn.Module], searched: dict[str, Architecture], images: Tensor, tmp_path: Path
) -> None:
    model, path = build(searched["vit"], images), tmp_path / "model.pt2"
    export_pt2(model, path, images, tolerance=0.0, metadata={})
    with torch.no_grad():
        assert torch.allclose(torch.export.load(path).module()(images[:3]), model(images[:3]), atol=1e-6)
