"""Activation memory against sets of feature maps written down by hand."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from helixnas.nn import Place, build_operation, count_all, count_macs, count_params
from helixnas.space import mbconv_operation


def alive(module: nn.Module, *shape: int) -> int:
    """Return the values (not bytes) alive at once."""
    bytes_ = count_all(module.to("meta"), shape).activation_bytes
    assert bytes_ % 4 == 0
    return bytes_ // 4


@pytest.mark.parametrize(
    ("in_width", "out_width", "stride", "largest"),
    [
        # expanded map in and out of the depthwise convolution, and the input, which the shortcut still needs
        (8, 8, 1, (8 + 48 + 48) * 36),
        # no shortcut: the input is gone when the depthwise convolution runs
        (8, 12, 1, (48 + 48) * 36),
        # the depthwise convolution gives a quarter, so the larger pair is input and expanded map
        (8, 12, 2, 48 * 36 + 48 * 9),
    ],
)
def test_an_inverted_bottleneck_needs_its_widest_neighbours(
    in_width: int, out_width: int, stride: int, largest: int
) -> None:
    layer = build_operation(mbconv_operation(3, 6), Place(in_width=in_width, out_width=out_width, stride=stride))
    assert alive(layer, 1, in_width, 6, 6) == largest


def test_elementwise_work_writes_over_what_nobody_reads_later() -> None:
    assert alive(nn.Sequential(nn.ReLU(), nn.BatchNorm2d(4), nn.SiLU(inplace=True)), 1, 4, 3, 3) == 36


def test_a_map_that_is_read_later_is_kept() -> None:
    class Twice(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.cat([torch.relu(x), torch.sigmoid(x), x], dim=1)

    assert alive(Twice(), 1, 4, 3, 3) == (3 + 3) * 36


def test_views_and_weights_take_no_memory_of_their_own() -> None:
    assert alive(nn.Sequential(nn.Flatten(), nn.Linear(36, 5)), 1, 4, 3, 3) == 36 + 5


def test_doing_nothing_needs_no_memory_beyond_what_was_given() -> None:
    assert alive(nn.Identity(), 1, 4, 3, 3) == 36


def test_a_batch_needs_its_number_of_images() -> None:
    layer = nn.Conv2d(4, 4, 1)
    assert alive(layer, 3, 4, 3, 3) == 3 * alive(layer, 1, 4, 3, 3)


def test_the_one_pass_counts_what_the_single_counts_count() -> None:
    with torch.device("meta"):
        layer = build_operation(mbconv_operation(5, 3), Place(in_width=8, out_width=12, stride=2)).train()
    counts = count_all(layer, (2, 8, 7, 7))
    assert (counts.params, counts.macs) == (count_params(layer), count_macs(layer, (2, 8, 7, 7)))
    assert counts.norm_elements == 2 * (24 * 49 + 24 * 16 + 12 * 16)
    assert layer.training


class _Attention(nn.Module):
    """Attention of tokens to 5 others with values of another width, under a mask or not."""

    def __init__(self, shape: tuple[int, ...], *, is_masked: bool) -> None:
        super().__init__()
        self.shape = shape
        self.is_masked = is_masked

    def forward(self, x: Tensor) -> Tensor:
        query = x.expand(*self.shape, 3, 4).contiguous()
        key, value = x.new_ones(*self.shape, 5, 4), x.new_ones(*self.shape, 5, 6)
        mask = {"attn_mask": x.new_ones(3, 5)} if self.is_masked else {}
        return F.scaled_dot_product_attention(query, key=key, value=value, **mask)


@pytest.mark.parametrize("shape", [(2,), (2, 7)])
@pytest.mark.parametrize("is_masked", [False, True])
def test_attention_reads_its_three_inputs_and_a_mask_at_once(shape: tuple[int, ...], is_masked: bool) -> None:
    heads = shape[-1] if len(shape) > 1 else 1
    found = count_all(_Attention(shape, is_masked=is_masked), (1, 4))
    assert found.macs == 2 * heads * 3 * 5 * (4 + 6)
    alive = 2 * heads * (3 * 4 + 5 * 4 + 5 * 6 + 3 * 6) + is_masked * 3 * 5  # query, key, value and output
    assert found.activation_bytes == 4 * alive
