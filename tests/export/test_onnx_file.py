"""ONNX files compute what the model computes, for any batch, and are not written where they do not."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from torch import Tensor, nn

from helixnas.errors import ExportError
from helixnas.export import OnnxCall, export_onnx, onnx_file
from helixnas.space import Architecture, from_code, mbconv
from helixnas.zoo import ZOO, dna_architecture

onnx = pytest.importorskip("onnx", reason="the extra export is not installed")
TOLERANCE = 1e-4


class Odd(nn.Module):
    """A network with something in it that is no part of ours."""

    def __init__(self, compute: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.compute = compute

    def forward(self, images: Tensor) -> Tensor:
        """Return one logit per channel."""
        return self.compute(images).mean((2, 3))


def write(model: nn.Module, path: Path, images: Tensor, *, tolerance: float = TOLERANCE) -> float:
    parity = export_onnx(model, path, images, tolerance=tolerance, metadata={"mean": "0.5"})
    assert parity.num_images == len(images)
    return parity.largest_difference


@pytest.fixture(scope="module")
def file(model: nn.Module, images: Tensor, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("onnx") / "model.onnx"
    write(model, path, images)
    return path


def test_the_file_takes_any_batch(file: Path, model: nn.Module, images: Tensor) -> None:
    call = OnnxCall(file)
    for number in (1, 2, 5):
        with torch.no_grad():
            assert torch.allclose(call(images[:number]), model(images[:number]), atol=TOLERANCE)


def test_batch_norm_is_folded_into_the_convolutions(file: Path) -> None:
    kinds = [node.op_type for node in onnx.load(file).graph.node]
    assert "BatchNormalization" not in kinds
    assert kinds.count("Conv") == 1 + 4 + 3 * 5 + 1  # stem, separable, layers (two for squeeze-excite in each), head


def test_the_file_says_how_to_make_its_input_and_nothing_of_this_machine(file: Path) -> None:
    proto = onnx.load(file)
    assert {entry.key: entry.value for entry in proto.metadata_props} == {"mean": "0.5"}
    assert [value.name for value in (*proto.graph.input, *proto.graph.output)] == ["images", "logits"]
    content = file.read_bytes()
    assert str(Path(timm.__file__).parent).encode() not in content
    assert str(Path(__file__).parents[2]).encode() not in content


@pytest.mark.slow
@pytest.mark.parametrize(("space", "size"), [("macro", 32), ("vit", 32), ("vit", 48)])
def test_a_network_of_another_space_computes_the_same_on_images_of_any_size(
    build: Callable[..., nn.Module],
    searched: dict[str, Architecture],
    blobs: Callable[[int], Tensor],
    tmp_path: Path,
    space: str,
    size: int,
) -> None:
    model, path = build(searched[space], blobs(size)), tmp_path / "model.onnx"
    assert write(model, path, blobs(size)) <= TOLERANCE
    with torch.no_grad():
        assert torch.allclose(OnnxCall(path)(blobs(size)[:3]), model(blobs(size)[:3]), atol=TOLERANCE)


def test_a_difference_above_the_tolerance_is_refused_and_leaves_nothing(
    file: Path, model: nn.Module, images: Tensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"the one before")
    monkeypatch.setattr(onnx_file, "onnx_content", lambda *words, **settings: file.read_bytes())  # traced once already
    monkeypatch.setattr(OnnxCall, "__call__", lambda self, batch: torch.full((len(batch), 3), 9.0))
    with pytest.raises(
        ExportError, match=r"differs from PyTorch by up to .* more than the tolerance of 0.0001; nothing"
    ):
        write(model, path, images)
    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [("model.onnx", b"the one before")]


def test_an_operator_without_counterpart_is_named(images: Tensor, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"the operator prims\.bessel_j0 does not exist in ONNX; replace it"):
        write(Odd(torch.special.bessel_j0), tmp_path / "model.onnx", images)
    assert not list(tmp_path.iterdir())


@pytest.mark.long
@pytest.mark.parametrize("name", ZOO)
def test_every_model_of_the_zoo_computes_the_same(
    build: Callable[..., nn.Module], blobs: Callable[[int], Tensor], name: str, tmp_path: Path
) -> None:
    images = blobs(64)
    assert write(build(dna_architecture(name.removeprefix("dna_")), images), tmp_path / "m.onnx", images) <= TOLERANCE


@pytest.mark.slow
@pytest.mark.parametrize("space", ["mbconv", "macro"])
def test_networks_drawn_from_every_space_compute_the_same(
    build: Callable[..., nn.Module], blobs: Callable[[int], Tensor], space: str, tmp_path: Path
) -> None:
    images = blobs(64)
    drawn = {"mbconv": mbconv().sample(np.random.default_rng(0)), "macro": from_code("22212220")}[space]
    assert write(build(drawn, images), tmp_path / "m.onnx", images) <= TOLERANCE
