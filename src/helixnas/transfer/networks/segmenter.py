"""Segmenter: a backbone with a head of segmentation_models_pytorch.

``deeplabv3plus`` is the paper's segmenter of VOC12, ``aspp`` the one of ADE20K for CNNs (Table 12: atrous pyramid pooling
without decoder, that is DeepLabV3), and ``upernet`` the one for vision transformers (Table 13).
"""

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from helixnas.errors import ConfigError, first_line
from helixnas.nn import build_seeded, count_macs, count_params, meta_copy
from helixnas.nn.counting import evaluating
from helixnas.transfer.extra import require_extra
from helixnas.transfer.networks.backbone import Backbone, is_flat, temporary_encoder
from helixnas.transfer.networks.tokens import TokenPyramid

COARSEST = 32
"""Grid of a plain vision transformer's pyramid, in pixels."""


class Segmenter(nn.Module):
    """Logits per pixel of normalised images of any size.

    Images are padded with zeros to multiples of the output stride. With a `fixed` side, as of a plain vision transformer,
    they are resized to it, and the logits back.
    """

    def __init__(self, network: nn.Module, *, fixed: int = 0) -> None:
        super().__init__()
        self.network: Any = network
        self.fixed = fixed

    def forward(
        self, images: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch classes height width"]:
        """Return logits of the size of the images."""
        height, width = images.shape[2:]
        if self.fixed:
            side = (self.fixed, self.fixed)
            return _resized(self.network(_resized(images, side)), (height, width))
        multiple = self.network.encoder.output_stride
        padded = F.pad(images, (0, -width % multiple, 0, -height % multiple))
        return self.network(padded)[..., :height, :width]


def build_segmenter(
    model: Any,
    *,
    head: str,
    num_classes: int,
    image_size: int,
    output_stride: int,
    seed: int,
    name: str,
    separable: bool = True,
) -> Segmenter:
    """Build a segmenter around a timm model, which is changed in place; the seed decides the weights of the head.

    `output_stride`, 8 or 16, and `separable` convolutions in the pyramid are those of the two atrous heads. Raises
    `ConfigError` if the backbone does not fit the head, or does not take images of any size.
    """
    require_extra("segmentation_models_pytorch")
    import segmentation_models_pytorch as smp

    flat = is_flat(model)
    if flat and head != "upernet":
        raise ConfigError(f"{name} is a plain vision transformer; set head to upernet, {head} takes a pyramid of maps")
    if flat and image_size % COARSEST:
        nearest = max(COARSEST, round(image_size / COARSEST) * COARSEST)
        raise ConfigError(
            f"{name} needs an image_size that is a multiple of {COARSEST}, such as {nearest}, not {image_size}"
        )

    def build() -> nn.Module:
        encoder = TokenPyramid(model, image_size=image_size, name=name) if flat else Backbone(model, name=name)
        with temporary_encoder(encoder) as own:
            common: dict[str, Any] = {"encoder_name": own, "encoder_weights": None, "classes": num_classes}
            if head == "upernet":
                return smp.UPerNet(**common)
            kind: Any = smp.DeepLabV3Plus if head == "deeplabv3plus" else smp.DeepLabV3
            atrous = {"decoder_atrous_rates": _rates(output_stride), "decoder_aspp_separable": separable}
            return kind(**common, **atrous, encoder_output_stride=output_stride)

    segmenter = Segmenter(build_seeded(build, (seed,)), fixed=image_size if flat else 0)
    _require_logits(segmenter, (image_size, image_size if flat else image_size + COARSEST), name, head)
    return segmenter


def _require_logits(segmenter: Segmenter, size: tuple[int, int], name: str, head: str) -> None:
    """Raise `ConfigError` if a segmenter gives no logits of an image of this size, tried on the meta device."""
    twin = meta_copy(segmenter)
    try:
        with evaluating(twin):
            twin(torch.empty(1, 3, *size, device="meta"))
    except Exception as error:  # the model's own code can raise anything
        given = f"image_size {size[0]}" if segmenter.fixed else "images of any size, which a segmenter is given"
        raise ConfigError(
            f"{name} cannot be the backbone of {head}, it does not take {given}: {first_line(error).rstrip('.')}"
        ) from error


def segmenter_size(segmenter: Segmenter, image_size: int) -> tuple[int, int]:
    """Return parameters and multiply-adds of a whole segmenter for a square image (Fig. 11's axes)."""
    return count_params(segmenter), count_macs(meta_copy(segmenter), (1, 3, image_size, image_size))


def _rates(output_stride: int) -> tuple[int, int, int]:
    """Return DeepLab's atrous rates: 6, 12, 18 at stride 16, and twice that at stride 8."""
    return (12, 24, 36) if output_stride == 8 else (6, 12, 18)


def _resized(maps: Tensor, side: tuple[int, int]) -> Tensor:
    return maps if tuple(maps.shape[2:]) == side else F.interpolate(maps, side, mode="bilinear", align_corners=False)
