"""A space of two blocks with two widths between them, small enough to try every path; small vision transformers of timm."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from timm.models.vision_transformer import VisionTransformer

from helixnas.space import SearchSpace, mbconv

MakeVit = Callable[..., VisionTransformer]


@pytest.fixture
def space() -> SearchSpace:
    """Return a space whose second block may receive 8 or 12 channels."""
    return mbconv(
        name="tiny",
        cells=(((2, 8), (1, 12)), ((2, 16), (1, 16))),
        strides=(2, 2),
        kernels=(3, 5),
        expansions=(2,),
        stem_width=8,
        stem_stride=1,
        separable_width=0,
        head_width=0,
    )


@pytest.fixture
def vit_of() -> MakeVit:
    """Return a function that makes a vision transformer of 4 layers and 24 channels with random weights; keywords are timm's."""

    def make(**others: Any) -> VisionTransformer:
        torch.manual_seed(0)
        sizes = {"img_size": 16, "patch_size": 4, "embed_dim": 24, "depth": 4, "num_heads": 3, "mlp_ratio": 2.0}
        kind = {"num_classes": 5, "class_token": False, "global_pool": "avg"}
        model = VisionTransformer(**{**sizes, **kind, **others})
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(0.3 * torch.randn_like(parameter))
        return model.eval()

    return make
