"""Small networks of every space, with running averages that images have moved, and images to compare on."""

from collections.abc import Callable

import pytest
import timm
import torch
from torch import Tensor, nn

import helixnas.zoo  # noqa: F401 - registers the models
from helixnas.nn import build_seeded
from helixnas.space import Architecture, macro, mbconv, vit

MBCONV = mbconv(
    name="tiny",
    cells=(((2, 8),), ((1, 16),)),
    strides=(2, 2),
    kernels=(3, 5),
    expansions=(2,),
    stem_width=8,
    separable_width=8,
    head_width=24,
)
SEARCHED = {
    "mbconv": MBCONV.parse("8:mb2_k3,mb2_k5 16:mb2_k3"),
    "macro": macro(widths=(8, 16), depths=(2, 2), stem_width=8, head_width=24).parse("8:identity,mb6_k5 16:mb3_k3"),
    "vit": vit(
        dimensions=(16, 24),
        head_dim=8,
        mlp_ratios=(2, 4),
        layers=(1, 2),
        strides=(1, 2),
        patch=4,
        image_size=32,
        stem_width=24,
    ).parse("24:attn_r2,attn_r2 16:attn_r4"),
}
"""One network of every space."""


@pytest.fixture(scope="session")
def searched() -> dict[str, Architecture]:
    """Return one small network of every space, by the space's name."""
    return SEARCHED


@pytest.fixture(scope="session")
def blobs() -> Callable[[int], Tensor]:
    """Return a function that gives eight smooth images of a size; of plain noise little would be left after pooling."""

    def of(size: int) -> Tensor:
        coarse = torch.randn(8, 3, 4, 4, generator=torch.Generator().manual_seed(0))
        return nn.functional.interpolate(coarse, size=size, mode="bicubic")

    return of


@pytest.fixture(scope="session")
def build() -> Callable[[Architecture, Tensor], nn.Module]:
    """Return a function that builds a network whose features keep their scale, as those of trained networks do.

    Its batch norms have the averages of the images, and the branches beside a shortcut a fifth of its weight: a fresh
    network gives logits of about 0, and one of equal weights turns rounding into noise.
    """

    def of(architecture: Architecture, images: Tensor) -> nn.Module:
        overlay = {"input_size": tuple(images.shape[1:])}
        model = build_seeded(
            lambda: timm.create_model("helixnas", arch=architecture, pretrained_cfg_overlay=overlay), (0,)
        )
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = None  # the plain average of what is seen
            if getattr(module, "has_skip", False):
                last = module.bn3 if hasattr(module, "bn3") else module.bn2
                nn.init.constant_(last.weight, 0.2)
        with torch.no_grad():
            model.train()(images)
        return model.eval()

    return of


@pytest.fixture(scope="session")
def images(blobs: Callable[[int], Tensor]) -> Tensor:
    return blobs(32)


@pytest.fixture(scope="session")
def model(build: Callable[[Architecture, Tensor], nn.Module], images: Tensor) -> nn.Module:
    model = build(SEARCHED["mbconv"], images)
    model.reset_classifier(3)
    return model.eval()
