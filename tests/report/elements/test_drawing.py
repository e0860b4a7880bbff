"""Drawings: every layer is there, whatever operations are called."""

import re
from xml.etree import ElementTree

from helixnas.report.elements.drawing import BAR, Key, draw, legend
from helixnas.space import Architecture, Head, Operation, Path, Stage, vit

K3 = Operation.of("mb3_k3", kind="mbconv", kernel=3, expansion=3)
K5 = Operation.of("mb6_k5", kind="mbconv", kernel=5, expansion=6)
OWN = Operation.of("my_very_own_operation_7", kind="own", note="a<b")
STEM = (Stage(2, Path(8, (Operation.of("conv_k3", kind="conv", kernel=3),))),)
NETWORK = Architecture(STEM, (Stage(1, Path(16, (K3, K5))), Stage(2, Path(24, (OWN,)))), Head(0))


def widths(svg: str) -> list[float]:
    return [float(width) for width in re.findall(r'<rect [^>]*? width="([\d.]+)"', svg)]


def test_the_drawing_is_well_formed_and_holds_every_layer() -> None:
    root = ElementTree.fromstring(draw(NETWORK))
    titles = [element.text for element in root.iter() if element.tag.endswith("title")]
    assert titles == [
        "conv_k3: conv, kernel 3",
        "mb3_k3: mbconv, expansion 3, kernel 3",
        "mb6_k5: mbconv, expansion 6, kernel 5",
        "my_very_own_operation_7: own, note a<b",
    ]


def test_a_bar_is_wider_for_a_larger_expansion() -> None:
    _, small, large, own, head = widths(draw(NETWORK))
    assert small < large == own == head == BAR


def test_a_long_name_is_cut_and_kept_in_full_beside_the_pointer() -> None:
    assert ">my_very_own_\u2026<" in draw(NETWORK)


def test_kernels_have_the_same_colour_in_every_drawing_of_a_page() -> None:
    other = Architecture(STEM, (Stage(1, Path(16, (K5,))),), Head(0))
    color = Key.of([*NETWORK.operations, *other.operations]).colors(5)[0]
    assert color in draw(NETWORK, [other])
    assert color in draw(other, [NETWORK])


def test_the_key_names_kernels_and_expansions_in_use() -> None:
    words = re.findall(r"</svg>([^<]+)<", legend(NETWORK.operations))
    assert words[:3] == ["kernel 3 \u00d7 3", "kernel 5 \u00d7 5", "no kernel option"]
    assert words[3:] == ["expansion 3", "expansion 6", "no expansion option"]


def test_a_transformer_shows_its_mlp_ratios_and_its_norm() -> None:
    network = vit().parse(" ".join(["224:attn_r2_5,attn_r2_5,attn_r2_5"] + ["448:attn_r4,attn_r4,attn_r4"] * 3))
    drawing = draw(network)
    assert "attn_r2_5: attention, head_dim 32" in drawing
    assert ">layer norm<" in drawing
    assert ">no convolution<" in draw(NETWORK)
    assert len(set(widths(drawing))) == 2  # one of ratio 2.5; of ratio 4, stem and head
    words = re.findall(r"</svg>([^<]+)<", legend(network.operations))
    assert words[-3:] == ["MLP ratio 2.5", "MLP ratio 4", "no MLP ratio option"]
    both = re.findall(r"</svg>([^<]+)<", legend([*network.operations, *NETWORK.operations]))
    assert "expansion or MLP ratio 2.5" in both
