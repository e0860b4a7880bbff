"""Small networks of every space, with running averages that images have moved, and images to compare on."""

from collections.abc import Callable

import pytest
import timm
import torch
from torch import Tensor, nn

import helixnas.zoo  # noqa: F401 - registers the models
from helixnas.nn import build_seeded
from helixnas.space import Architecture, macro, mbconv

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
}
"""One network of every space."""


@pytest.fixture(scope="session")
def searched() -> dict[str, Architecture]:
    """Return one small network of every space, by the space's name."""
    return SEARCHED


@pytest.fixture(scope="session")
def build() -> Callable[..., nn.Module]:
    """Return a function that builds a network of three classes whose features keep their scale.

    Its batch norms have the averages of random images; with those of a fresh network all logits would be about 0.
    """

    def of(architecture: Architecture, *, size: int = 32) -> nn.Module:
        overlay = {"input_size": (3, size, size), "num_classes": 3}
        model = build_seeded(
            lambda: timm.create_model("helixnas", arch=architecture, num_classes=3, pretrained_cfg_overlay=overlay),
            (0,),
        )
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = None  # the plain average of what is seen
        with torch.no_grad():
            model.train()(torch.rand(8, 3, size, size, generator=torch.Generator().manual_seed(0)))
        return model.eval()

    return of


@pytest.fixture(scope="session")
def model(build: Callable[..., nn.Module]) -> nn.Module:
    return build(SEARCHED["mbconv"])


@pytest.fixture(scope="session")
def images() -> Tensor:
    return torch.rand(7, 3, 32, 32, generator=torch.Generator().manual_seed(1))
