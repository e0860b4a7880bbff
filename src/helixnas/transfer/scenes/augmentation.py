"""Joint augmentation: what moves an image moves its mask or boxes, by torchvision's transforms on typed tensors.

The random numbers are torch's global ones; the caller seeds them per image.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as changed

from helixnas.data.augmentation import ERASED
from helixnas.errors import DataError
from helixnas.transfer.scenes.scene import VOID

NUM_CROPS = 10
"""Crops tried for one with a labelled pixel, before one around such a pixel is taken."""


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """Random changes of a training image; see `helixnas.transfer.config` for the values."""

    image_size: int
    scales: tuple[float, float]
    flip: bool
    color_jitter: float

    def with_mask(self, image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return a square crop of an image and of its mask (both of torchvision's kinds), with at least one labelled pixel.

        Raises `DataError` if the whole mask is void.
        """
        low, high = self.scales
        scale = low + (high - low) * float(torch.rand(()))
        size = [max(1, round(scale * side)) for side in image.shape[-2:]]
        if size != list(image.shape[-2:]):
            image, mask = (
                changed.resize(image, size),
                changed.resize(mask, size, interpolation=v2.InterpolationMode.NEAREST),
            )
        image, mask = self._recoloured()(*self._flipped()(*self._crop(image, mask)))  # on the crop, which is smaller
        return image, mask

    def with_boxes(self, image: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor]:
        """Return an image and its boxes, mirrored and recoloured."""
        image, boxes = self._recoloured()(*self._flipped()(image, boxes))
        return image, boxes

    def _flipped(self) -> Any:
        return v2.RandomHorizontalFlip(0.5 if self.flip else 0.0)

    def _recoloured(self) -> Any:
        return v2.ColorJitter(*(self.color_jitter,) * 3) if self.color_jitter else v2.Identity()

    def _crop(self, image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        side = self.image_size
        fill: Any = {tv_tensors.Image: list(ERASED), tv_tensors.Mask: VOID}
        crop = v2.RandomCrop(side, pad_if_needed=True, fill=fill)
        for _ in range(NUM_CROPS):
            shown, labels = crop(image, mask)
            if bool((labels != VOID).any()):
                return shown, labels
        rows, columns = torch.nonzero(mask.squeeze(0) != VOID, as_tuple=True)
        if not len(rows):
            raise DataError("its mask has no pixel of a class, only void; remove it from the split")
        chosen = int(torch.randint(len(rows), ()))
        top, left = (int(each[chosen]) - side // 2 for each in (rows, columns))
        padding = [side, side, side, side]
        image = changed.pad(image, padding, fill=list(ERASED))  # pyright: ignore[reportArgumentType] - a value a channel
        mask = changed.pad(mask, padding, fill=VOID)
        place = (top + side, left + side, side, side)
        return changed.crop(image, *place), changed.crop(mask, *place)
