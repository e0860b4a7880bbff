"""DNA-a to DNA-d have the sizes that the paper's definitions give, counted in three independent ways."""

import pytest
import timm
import torch

import helixnas.zoo  # noqa: F401 - registers the models
from helixnas.artifacts import CostTable
from helixnas.costs import cost_table
from helixnas.errors import ConfigError, UnknownNameError
from helixnas.nn import count_macs, count_params
from helixnas.space import mbconv
from helixnas.zoo import dna_architecture
from helixnas.zoo.dna import DNA

# Parameters with 1000 classes; multiply-adds of convolutions and linear layers at 224 pixels, in thousands.
SIZES = {
    "a": (4_243_318, 335_142),
    "b": (4_918_180, 392_492),
    "c": (5_273_896, 450_139),
    "d": (6_409_486, 592_838),
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
    """Return the costs of the six-operation space of Table 1."""
    return cost_table(mbconv(), image_size=224, num_classes=1000)


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


def test_a_model_takes_the_arguments_of_timm() -> None:
    with torch.device("meta"):
        model = timm.create_model("dna_c", num_classes=7, in_chans=1, drop_path_rate=0.2)
        assert model(torch.empty(2, 1, 64, 64, device="meta")).shape == (2, 7)
    assert model.pretrained_cfg["input_size"] == (3, 224, 224)
    assert model.pretrained_cfg["architecture"] == "dna_c"


def test_there_are_no_weights_to_download() -> None:
    with pytest.raises(
        ConfigError, match="no weights are published with HelixNAS; build dna_b without pretrained=True"
    ):
        timm.create_model("dna_b", pretrained=True)


def test_an_unknown_letter_is_answered_with_those_there_are() -> None:
    with pytest.raises(UnknownNameError, match="unknown DNA architecture 'e'; known: a, b, c, d"):
        dna_architecture("e")
