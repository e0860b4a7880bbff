"""Segmenter: a backbone with a head of segmentation_models_pytorch.

``deeplabv3plus`` is the paper's segmenter of VOC12, ``aspp`` the one of ADE20K for CNNs (Table 12: atrous pyramid pooling
without decoder, that is DeepLabV3), and ``upernet`` the one for vision transformers (Table 13).
"""

import math
from itertools import product
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

    Images are padded with zeros to multiples of the output stride. With a `fixed` side, as of a vision transformer that is
    made for one size, windows of that side slide over them, which overlap by a third or more, and their logits are averaged;
    an image whose shorter side is below it is enlarged first, and its logits shrunk.
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
            scale = max(1.0, self.fixed / min(height, width))
            size = (max(self.fixed, round(scale * height)), max(self.fixed, round(scale * width)))
            return _resized(self._by_windows(_resized(images, size)), (height, width))
        multiple = self.network.encoder.output_stride
        padded = F.pad(images, (0, -width % multiple, 0, -height % multiple))
        return self.network(padded)[..., :height, :width]

    def _by_windows(self, images: Tensor) -> Tensor:
        """Return the mean logits of square windows that cover the images."""
        rows, columns = (_starts(length, self.fixed) for length in images.shape[2:])
        if len(rows) == len(columns) == 1:
            return self.network(images)
        total, number = images.new_empty(0), images.new_zeros(1, 1, *images.shape[2:])
        for top, left in product(rows, columns):
            place = (..., slice(top, top + self.fixed), slice(left, left + self.fixed))
            logits = self.network(images[place])
            if not len(total):
                total = logits.new_zeros(*logits.shape[:2], *images.shape[2:])
            total[place] += logits
            number[place] += 1
        return total / number


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
    `ConfigError` if the backbone does not fit the head, or does not take images of any size. UPerNet takes backbones that are
    made for one size too, such as Swin, and sets it to `image_size`.
    """
    require_extra("segmentation_models_pytorch")
    import segmentation_models_pytorch as smp

    flat = is_flat(model)
    has_one_size = flat or (head == "upernet" and _can_be_set_to(model, image_size))
    if flat and head != "upernet":
        raise ConfigError(f"{name} is a plain vision transformer; set head to upernet, {head} takes a pyramid of maps")
    if flat and image_size % COARSEST:
        nearest = max(COARSEST, round(image_size / COARSEST) * COARSEST)
        raise ConfigError(
            f"{name} needs an image_size that is a multiple of {COARSEST}, such as {nearest}, not {image_size}"
        )

    if has_one_size and not flat:
        model.set_input_size(img_size=(image_size, image_size))

    def build() -> nn.Module:
        encoder = TokenPyramid(model, image_size=image_size, name=name) if flat else Backbone(model, name=name)
        with temporary_encoder(encoder) as own:
            common: dict[str, Any] = {"encoder_name": own, "encoder_weights": None, "classes": num_classes}
            if head == "upernet":
                return smp.UPerNet(**common)
            kind: Any = smp.DeepLabV3Plus if head == "deeplabv3plus" else smp.DeepLabV3
            atrous = {"decoder_atrous_rates": _rates(output_stride), "decoder_aspp_separable": separable}
            return kind(**common, **atrous, encoder_output_stride=output_stride)

    segmenter = Segmenter(build_seeded(build, (seed,)), fixed=image_size if has_one_size else 0)
    _require_logits(segmenter, (image_size, image_size if has_one_size else image_size + COARSEST), name, head)
    return segmenter


def _can_be_set_to(model: Any, image_size: int) -> bool:
    """Return whether a model takes images of one size alone, which can be set, tried on the meta device."""
    if not callable(getattr(model, "set_input_size", None)):
        return False
    twin = meta_copy(model)
    try:
        with evaluating(twin):
            twin.forward_intermediates(torch.empty(1, 3, image_size, image_size + COARSEST, device="meta"))
    except Exception:  # the model's own code can raise anything
        return True
    return False


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


def _starts(length: int, side: int) -> list[int]:
    """Return where windows of a side begin, evenly spaced, so that they cover a length and overlap by a third or more.

    >>> _starts(64, 64), _starts(100, 64), _starts(256, 64)
    ([0], [0, 36], [0, 38, 77, 115, 154, 192])
    """
    number = 1 + math.ceil((length - side) / (2 * side / 3))
    return [round(index * (length - side) / max(1, number - 1)) for index in range(number)]


def _resized(maps: Tensor, side: tuple[int, int]) -> Tensor:
    return maps if tuple(maps.shape[2:]) == side else F.interpolate(maps, side, mode="bilinear", align_corners=False)
