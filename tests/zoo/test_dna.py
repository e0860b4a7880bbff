"""DNA-a to DNA-d have the sizes that the paper's definitions give, counted in three independent ways.

The scaled family is compared with timm's own decoder of architectures and EfficientNet.
"""

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save_file
from timm.models._efficientnet_builder import decode_arch_def, round_channels
from timm.models.efficientnet import EfficientNet
from torch import nn

from helixnas.artifacts import CostTable
from helixnas.costs import cost_table
from helixnas.errors import ConfigError, UnknownNameError
from helixnas.nn import count_macs, count_params
from helixnas.space import Block, Operation, mbconv
from helixnas.zoo import ZOO, dna_architecture, model_size
from helixnas.zoo.dna import DNA, SCALED

# Parameters with 1000 classes; multiply-adds of convolutions and linear layers at 224 pixels, in thousands.
SIZES = {
    "a": (4_243_318, 335_142),
    "b": (4_918_180, 392_492),
    "c": (5_273_896, 450_139),
    "d": (6_409_486, 592_838),
}
# Parameters, multiply-adds in units of 100,000 at the model's own images, their side.
SCALED_SIZES = {
    "c1": (7_485_772, 7_437, 240),
    "c2": (8_763_014, 10_859, 260),
    "c3": (11_681_598, 19_663, 300),
    "c4": (19_248_688, 50_982, 380),
    "c5": (30_300_336, 115_797, 456),
    "c7": (64_895_312, 424_197, 600),
}

# "FLOPs" in Table 2 of the paper, in millions.
PAPER_FLOPS = {"a": "348.1", "b": "405.7", "c": "465.8", "d": "611.1"}


def closed_form(letter: str) -> tuple[int, int]:
    """Return parameters and multiply-adds from the text alone, with no module built."""

    def conv(received: int, given: int, kernel: int, area: int, groups: int = 1) -> tuple[int, int]:
        weights = kernel**2 * received // groups * given
        return weights + 2 * given, weights * area

    def excite(hidden: int, squeezed: int) -> tuple[int, int]:
        return 2 * hidden * squeezed + hidden + squeezed, 2 * hidden * squeezed

    parts = [conv(3, 32, 3, 112**2), conv(32, 32, 3, 112**2, 32), excite(32, 8), conv(32, 16, 1, 112**2)]
    received, size = 16, 112
    for text, stride in zip(DNA[letter].split(), (2, 2, 2, 1, 2, 1), strict=True):
        given, names = int(text.split(":")[0]), text.split(":")[1].split(",")
        for number, name in enumerate(names):
            expansion, kernel = int(name[2]), int(name[-1])
            hidden, after = expansion * received, size // (stride if number == 0 else 1)
            parts += [
                conv(received, hidden, 1, size**2),
                conv(hidden, hidden, kernel, after**2, hidden),
                excite(hidden, received // 4),
                conv(hidden, given, 1, after**2),
            ]
            received, size = given, after
    parts += [conv(received, 1280, 1, size**2), (1280 * 1000 + 1000, 1280 * 1000)]
    return sum(params for params, _ in parts), sum(macs for _, macs in parts)


@pytest.fixture(scope="module")
def table() -> CostTable:
    """Return the costs of the six-operation space of Table 1, of the four networks' cells and operations alone."""
    space = mbconv()
    paths = zip(*(dna_architecture(letter).paths for letter in DNA), strict=True)
    blocks: list[Block] = []
    for block, used in zip(space.blocks, paths, strict=True):
        layers: dict[tuple[int, int], list[dict[Operation, None]]] = {}
        for path in used:
            wanted = layers.setdefault((path.width, path.depth), [{} for _ in path.operations])
            for layer, operation in zip(wanted, path.operations, strict=True):
                layer[operation] = None
        cells = [
            replace(cell, layers=tuple(tuple(layer) for layer in layers[cell.width, cell.depth]))
            for cell in block.cells
            if (cell.width, cell.depth) in layers
        ]
        blocks.append(replace(block, cells=tuple(cells)))
    return cost_table(replace(space, blocks=tuple(blocks)), image_size=224, num_classes=1000)


@pytest.mark.parametrize("letter", DNA)
def test_model_cost_table_and_closed_form_give_the_size_of_the_definition(letter: str, table: CostTable) -> None:
    with torch.device("meta"):
        model = timm.create_model(f"dna_{letter}")
    counted = count_params(model), count_macs(model, (1, 3, 224, 224))
    assert counted == closed_form(letter)
    costs = table.of(dna_architecture(letter))
    assert (costs["params"], costs["macs"]) == counted
    assert (counted[0], round(counted[1] / 1000)) == SIZES[letter]
    assert f"{costs['flops'] / 1e6:.1f}" == PAPER_FLOPS[letter]


@pytest.mark.parametrize(("letter", "depth"), [("a", 21), ("b", 20), ("c", 19), ("d", 21)])
def test_every_one_is_a_member_of_the_space_of_table_1(letter: str, depth: int) -> None:
    architecture = dna_architecture(letter)
    assert architecture in mbconv()
    assert architecture.depth == depth
    assert architecture.text == DNA[letter]


def quick(names: Iterable[str], *fast: str) -> list[Any]:
    """Return names as parameters, of which all but a few are slow: they take seconds to build."""
    return [name if name in fast else pytest.param(name, marks=pytest.mark.slow) for name in names]


def timm_twin(name: str, **arguments: Any) -> nn.Module:
    """Return the same network from timm's decoder and EfficientNet."""
    width, depth, *_ = SCALED.get(name, (1.0, 1.0))
    strides, code = (2, 2, 2, 1, 2, 1), [["ds_r1_k3_s1_e1_c16_se0.25"]]
    for text, stride in zip(DNA[name[0]].split(), strides, strict=True):
        channels, _, names = text.partition(":")
        runs = [(layer, len(list(group))) for layer, group in groupby(names.split(","))]
        code.append(
            [
                f"ir_r{length}_k{layer[-1]}_s{stride if number == 0 else 1}_e{layer[2]}_c{channels}_se0.25"
                for number, (layer, length) in enumerate(runs)
            ]
        )
    rounded = partial(round_channels, multiplier=width)
    return EfficientNet(
        decode_arch_def(code, depth),
        num_features=rounded(1280),
        stem_size=32,
        round_chs_fn=rounded,
        act_layer=nn.SiLU,
        norm_layer=nn.BatchNorm2d,
        **arguments,
    )


@pytest.mark.parametrize("name", quick(SCALED, "c1", "c2"))
def test_the_scaled_family_has_the_sizes_of_its_definition(name: str) -> None:
    params, macs, size = model_size(f"dna_{name}")
    assert (params, round(macs / 1e5), size) == SCALED_SIZES[name]


@pytest.mark.parametrize("name", quick((*DNA, *SCALED), "a", "c1", "c3"))
def test_every_tensor_and_drop_path_is_that_of_timms_efficientnet(name: str) -> None:
    with torch.device("meta"):
        ours, theirs = timm.create_model(f"dna_{name}", drop_path_rate=0.2), timm_twin(name, drop_path_rate=0.2)
    assert [tuple(p.shape) for p in ours.parameters()] == [tuple(p.shape) for p in theirs.parameters()]
    own, others = ([each for each in model.modules() if hasattr(each, "drop_path")] for model in (ours, theirs))
    assert [rate_of(layer) for layer in own] == pytest.approx([rate_of(layer) for layer in others])
    assert len(own) == dna_architecture(name).depth + dna_architecture(name).stem[1].path.depth
    assert (
        0.19 < rate_of(own[-1]) < 0.2
        if name in SCALED
        else rate_of(own[-1]) == pytest.approx(0.2 * (len(own) - 1) / len(own))
    )


def rate_of(layer: nn.Module) -> float:
    return getattr(layer.drop_path, "drop_prob", 0.0)


def test_a_model_computes_what_timms_efficientnet_computes() -> None:
    ours, theirs = timm.create_model("dna_c1", num_classes=5).eval(), timm_twin("c1", num_classes=5).eval()
    theirs.load_state_dict(dict(zip(theirs.state_dict(), ours.state_dict().values(), strict=True)))
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(ours(images), theirs(images), atol=1e-5)


@pytest.mark.parametrize("name", quick(ZOO, "dna_c1"))
def test_every_model_does_what_timms_users_expect(name: str) -> None:
    with torch.device("meta"):
        images = torch.empty(2, 1, 64, 64)
        model = timm.create_model(name, num_classes=7, in_chans=1)
        assert model(images).shape == (2, 7)
        final, features = model.forward_intermediates(images)
        assert final.shape == (2, model.num_features, 2, 2)
        assert [feature.shape[-1] for feature in features] == [32, 16, 8, 4, 2]
        model.reset_classifier(3)
        assert model(images).shape == (2, 3)
        features_only = timm.create_model(name, features_only=True, in_chans=1)
        assert [tuple(each.shape) for each in features_only(images)] == [tuple(each.shape) for each in features]
        assert features_only.feature_info.reduction() == [2, 4, 8, 16, 32]


def test_a_model_takes_the_arguments_of_timm() -> None:
    with torch.device("meta"):
        model = timm.create_model("dna_c", num_classes=7, in_chans=1, drop_path_rate=0.2)
        assert model(torch.empty(2, 1, 64, 64, device="meta")).shape == (2, 7)
    assert model.pretrained_cfg["input_size"] == (3, 224, 224)
    assert model.pretrained_cfg["architecture"] == "dna_c"


def test_there_are_no_weights_to_download() -> None:
    for name in ZOO:
        with pytest.raises(
            ConfigError, match=f"no weights are published with HelixNAS; build {name} without pretrained=True"
        ):
            timm.create_model(name, pretrained=True)


def test_own_weights_are_loaded_as_timm_loads_them(tmp_path: Path) -> None:
    model = timm.create_model("dna_a", num_classes=3).eval()
    save_file(model.state_dict(), tmp_path / "mine.safetensors")
    overlay = {"file": str(tmp_path / "mine.safetensors"), "num_classes": 3}
    found = timm.create_model("dna_a", pretrained=True, num_classes=3, pretrained_cfg_overlay=overlay).eval()
    images = torch.rand(1, 3, 32, 32)
    assert torch.equal(found(images), model(images))


def test_an_unknown_letter_is_answered_with_those_there_are() -> None:
    with pytest.raises(
        UnknownNameError, match="unknown DNA architecture 'e'; known: a, b, c, c1, c2, c3, c4, c5, c7, d"
    ):
        dna_architecture("e")
