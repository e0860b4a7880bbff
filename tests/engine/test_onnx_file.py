"""ONNX files are whole and quiet, and what cannot be written or read is one sentence."""

import importlib.util
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from helixnas.engine import onnx_content, open_onnx, require_onnx, save_onnx
from helixnas.errors import ConfigError, ExportError

IMAGES = torch.arange(8.0).reshape(2, 1, 2, 2)


class Computes(nn.Module):
    """A module made of one function."""

    def __init__(self, compute: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.compute = compute

    def forward(self, images: Tensor) -> Tensor:
        """Return what the function makes of them."""
        return self.compute(images)


def doubling() -> nn.Module:
    layer = nn.Conv2d(1, 1, 1, bias=False)
    nn.init.constant_(layer.weight, 2.0)
    return layer


@pytest.mark.slow
def test_a_file_is_whole_and_quiet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("onnxscript")
    onnx = pytest.importorskip("onnx")
    save_onnx(doubling(), IMAGES, tmp_path / "n.onnx")
    model = onnx.load(tmp_path / "n.onnx")
    assert [value.name for value in (*model.graph.input, *model.graph.output)] == ["images", "output"]
    assert [file.name for file in tmp_path.iterdir()] == ["n.onnx"]
    assert capsys.readouterr() == ("", "")
    pytest.importorskip("onnxruntime")
    session = open_onnx(tmp_path / "n.onnx", num_threads=1)
    assert session.get_inputs()[0].shape == [2, 1, 2, 2]  # the number of images is fixed
    (output,) = session.run(["output"], {"images": IMAGES.numpy()})
    assert (output == 2 * IMAGES.numpy()).all()


def test_the_number_of_images_can_be_left_open(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    content = onnx_content(doubling(), IMAGES, output="y", any_batch=True, metadata={"mean": "0.5"})
    (tmp_path / "n.onnx").write_bytes(content)
    session = open_onnx(tmp_path / "n.onnx", num_threads=1)
    assert session.get_modelmeta().custom_metadata_map == {"mean": "0.5"}
    assert isinstance(session.get_inputs()[0].shape[0], str)
    for number in (1, 2, 3):
        images = torch.ones(number, 1, 2, 2)
        (output,) = session.run(["y"], {"images": images.numpy()})
        assert (output == 2 * images.numpy()).all()


def test_an_operator_without_counterpart_is_named() -> None:
    pytest.importorskip("onnxscript")
    with pytest.raises(ExportError, match=r"the operator prims\.bessel_j0 does not exist in ONNX; replace it"):
        onnx_content(Computes(torch.special.bessel_j0), IMAGES, output="y")


@pytest.mark.slow
def test_a_model_that_decides_by_its_data_is_one_sentence() -> None:
    pytest.importorskip("onnxscript")
    with pytest.raises(ExportError, match=r"the model cannot be traced for ONNX: Could not guard"):
        onnx_content(Computes(lambda x: x if x.sum() > 0 else -x), IMAGES, output="y")


def test_a_file_that_onnx_runtime_cannot_read_is_one_sentence(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    (tmp_path / "n.onnx").write_bytes(b"no graph")
    with pytest.raises(ExportError, match="ONNX Runtime cannot run the model"):
        open_onnx(tmp_path / "n.onnx")


def test_missing_packages_are_named_with_the_extra_that_brings_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        ConfigError, match=r"exporting needs onnx and onnxscript and onnxruntime, .*: pip install 'helixnas\[export\]'"
    ):
        require_onnx("exporting")
