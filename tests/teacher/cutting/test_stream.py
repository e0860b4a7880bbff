from typing import Any

import pytest
import timm
import torch
from torch import Tensor, nn

from helixnas.errors import TeacherError
from helixnas.nn import count_macs, meta_copy
from helixnas.teacher.cutting.stream import trace_stream


class Branches(nn.Module):
    """Two branches that a module returns together, and a third that passes it by."""

    def __init__(self, *, beside: bool) -> None:
        super().__init__()
        self.stem, self.both, self.late = nn.Conv2d(3, 4, 1), Both(), nn.Conv2d(4, 4, 1)
        self.beside = beside

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        first, second = self.both(x)
        return (self.late(first) + second + (x if self.beside else 0)).mean((2, 3))


class Both(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.left(x), self.right(x)


class InPlace(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.act, self.second = nn.Conv2d(3, 4, 1), nn.ReLU(inplace=True), nn.Conv2d(4, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.first(x))
        x += self.second(x)
        return x.mean((2, 3))


def test_branches_of_a_transformer_are_passed_by_and_its_blocks_are_not() -> None:
    stream = trace_stream(timm.create_model("test_vit", img_size=64), (64, 64))
    assert [name for name in stream.macs if name.startswith("blocks")] == [*(f"blocks.{k}" for k in range(5)), "blocks"]
    assert stream.same["blocks.5"] == "blocks"
    inner = ("attn", "ls1", "drop_path1", "norm2", "mlp", "mlp.fc1", "ls2")
    assert {f"blocks.0.{name}" for name in inner} <= stream.passed


def test_multiply_adds_are_those_up_to_the_output() -> None:
    model: Any = timm.create_model("test_resnet")
    stream = trace_stream(model, (64, 64))
    assert stream.total == count_macs(meta_copy(model), (1, 3, 64, 64))
    body = nn.Sequential(model.conv1, model.bn1, model.act1, model.maxpool, model.layer1)
    assert stream.macs["layer1"] == count_macs(meta_copy(body), (1, 3, 64, 64))
    assert list(stream.macs.values()) == sorted(stream.macs.values())


def test_a_block_without_a_shortcut_is_whole_where_its_kin_have_one() -> None:
    stream = trace_stream(timm.create_model("efficientnet_lite0"), (64, 64))
    assert not [name for name in stream.macs if name.startswith("blocks") and name.count(".") > 2]
    assert {"blocks.3", "blocks.4.0", "blocks.4.1"} <= stream.macs.keys()


@pytest.mark.parametrize("beside", [False, True])
def test_all_branches_of_a_module_together_are_a_cut_unless_something_passes_them(beside: bool) -> None:
    stream = trace_stream(Branches(beside=beside), (4, 4))
    assert ("both" in stream.macs) is not beside
    assert "stem" in stream.macs
    assert {"both.left", "both.right", "late"} <= stream.passed


def test_what_is_overwritten_in_place_is_followed() -> None:
    stream = trace_stream(InPlace(), (2, 2))
    assert set(stream.same) == {"first", "act"}
    assert stream.passed == {"second"}


def test_the_network_is_left_as_it_was() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)).train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    trace_stream(model, (4, 4))
    assert model.training
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_a_network_that_needs_values_is_run_with_them() -> None:
    class Choosy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Conv2d(3, 4, 1)

        def forward(self, x: Tensor) -> Tensor:
            x = self.first(x)
            return x.mean((2, 3)) if x.sum().item() < 1e9 else x[:, :, 0, 0]

    assert list(trace_stream(Choosy(), (2, 2)).macs) == ["first"]


def test_attention_counts_on_the_cpu_as_on_the_meta_device() -> None:
    sizes = {"img_size": 16, "patch_size": 4, "depth": 2, "embed_dim": 16, "num_heads": 2}
    model = timm.create_model("test_vit", **sizes)
    expected = trace_stream(model, (16, 16))
    fused = model.blocks[0].attn.fused_attn
    model.register_forward_pre_hook(lambda module, received: None if received[0].sum().item() < 1 else received)
    assert trace_stream(model, (16, 16)).macs == expected.macs
    assert model.blocks[0].attn.fused_attn == fused


def test_images_that_the_network_refuses_are_one_sentence() -> None:
    with pytest.raises(TeacherError, match="cannot take images of 30 x 30 pixels with 3 channels: "):
        trace_stream(timm.create_model("test_vit", img_size=64), (30, 30))
