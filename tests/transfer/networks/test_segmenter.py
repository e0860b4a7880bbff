"""Segmenters take images of any size, and the paper's sizes are near."""

from typing import Any

import pytest
import timm
import torch
from torch import nn

from helixnas.errors import ConfigError
from helixnas.transfer.networks.segmenter import Segmenter, build_segmenter, segmenter_size

IMAGES = torch.rand(2, 3, 50, 70, generator=torch.Generator().manual_seed(0))


def built(model: str = "test_efficientnet", **settings: Any) -> Segmenter:
    chosen = {"head": "deeplabv3plus", "num_classes": 4, "image_size": 64, "output_stride": 16, "seed": 0, **settings}
    return build_segmenter(timm.create_model(model), name="it", **chosen)


@pytest.mark.parametrize(
    ("head", "model", "output_stride"),
    [
        ("deeplabv3plus", "test_efficientnet", 8),
        ("aspp", "test_efficientnet", 16),
        ("upernet", "test_efficientnet", 16),
        ("upernet", "test_vit", 16),
    ],
)
def test_every_head_gives_logits_of_the_size_of_the_images(head: str, model: str, output_stride: int) -> None:
    segmenter = built(model, head=head, output_stride=output_stride)
    logits = segmenter(IMAGES)
    assert logits.shape == (2, 4, 50, 70)
    logits.square().sum().backward()
    assert sum(parameter.grad is not None for parameter in segmenter.parameters()) > 20


def test_padding_does_not_reach_into_an_image_that_needs_none() -> None:
    segmenter = built().eval()
    images = torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        assert torch.equal(segmenter(images), segmenter.network(images))


def test_the_seed_decides_the_weights_of_the_head() -> None:
    one, same, other = (built(seed=seed).state_dict() for seed in (0, 0, 1))
    name = "network.segmentation_head.0.weight"
    assert torch.equal(one[name], same[name])
    assert not torch.equal(one[name], other[name])


@pytest.mark.parametrize(
    ("separable", "params", "macs"),
    [
        (False, 12_889_723, 14_229_644_928),
        pytest.param(True, 10_540_795, 11_824_342_656, marks=pytest.mark.slow),
    ],
)
def test_dna_c3_with_deeplabv3plus_is_near_the_paper_s_size(separable: bool, params: int, macs: int) -> None:
    chosen = {"head": "deeplabv3plus", "num_classes": 21, "image_size": 512, "output_stride": 16, "seed": 0}
    segmenter = build_segmenter(timm.create_model("dna_c3"), name="dna_c3", separable=separable, **chosen)
    assert segmenter_size(segmenter, 512) == (params, macs)
    if not separable:
        assert params / 12.75e6 == pytest.approx(1, abs=0.02)
        assert macs / 14.01e9 == pytest.approx(1, abs=0.02)


def test_a_transformer_takes_upernet_and_whole_grids() -> None:
    with pytest.raises(ConfigError, match="it is a plain vision transformer; set head to upernet"):
        built("test_vit")
    with pytest.raises(ConfigError, match="it needs an image_size that is a multiple of 32, such as 64, not 70"):
        built("test_vit", head="upernet", image_size=70)


@pytest.mark.parametrize(
    ("name", "image_size", "reason"),
    [
        ("hiera_tiny_224", 224, "images of any size, which a segmenter is given: "),
        ("cait_xxs24_224", 160, "image_size 160: "),
    ],
)
def test_a_backbone_that_takes_one_size_alone_is_refused_before_it_is_trained(
    name: str, image_size: int, reason: str
) -> None:
    with pytest.raises(ConfigError, match=f"it cannot be the backbone of upernet, it does not take {reason}"):
        built(name, head="upernet", image_size=image_size)


@pytest.mark.filterwarnings(
    "ignore:Using a non-tuple sequence", "ignore:torch.searchsorted"
)  # timm's, for smaller windows
@pytest.mark.parametrize("name", ["swin_tiny_patch4_window7_224", "swin_s3_tiny_224"])
def test_a_pyramid_that_is_made_for_one_size_is_set_to_that_of_the_segmenter(name: str) -> None:
    segmenter = built(name, head="upernet", image_size=64)
    assert segmenter.fixed == 64
    with torch.inference_mode():
        assert segmenter.eval()(torch.rand(1, 3, 64, 80)).shape[2:] == (64, 80)
    with pytest.raises(ConfigError, match="it cannot be dilated: it does not take images of 256 pixels"):
        built(name, head="deeplabv3plus", image_size=64)


class Noting(nn.Module):
    """Returns its images as logits, plus a bias that grows with every call; notes their sizes."""

    def __init__(self, bias: float = 0.0) -> None:
        super().__init__()
        self.bias, self.seen = bias, list[tuple[int, ...]]()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.seen.append(tuple(images.shape[2:]))
        return images + self.bias * len(self.seen)


@pytest.mark.parametrize("size", [(32, 32), (32, 100), (75, 33), (90, 64)])
def test_windows_cover_an_image_without_distorting_it(size: tuple[int, int]) -> None:
    network = Noting()
    images = torch.rand(2, 3, *size)
    assert torch.allclose(Segmenter(network, fixed=32)(images), images, atol=1e-6)
    assert set(network.seen) == {(32, 32)}
    assert len(network.seen) >= size[0] * size[1] // 32**2


def test_overlapping_windows_are_averaged_and_small_images_enlarged() -> None:
    network = Noting(bias=1.0)
    found = Segmenter(network, fixed=32)(torch.zeros(1, 1, 32, 48))
    assert found[0, 0, 5].tolist() == [1.0] * 16 + [1.5] * 16 + [2.0] * 16
    network = Noting()
    assert Segmenter(network, fixed=32)(torch.ones(1, 3, 16, 24)).shape[2:] == (16, 24)
    assert network.seen == [(32, 32)] * 2


def test_a_photograph_of_three_to_one_is_enlarged_to_the_shorter_side() -> None:
    network = Noting()
    images = torch.rand(1, 3, 8, 24)
    assert Segmenter(network, fixed=32)(images).shape == images.shape
    assert len(network.seen) == 4  # windows of 32 in an image of 32 x 96
