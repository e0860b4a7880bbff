"""Image transforms: a centre crop for rating and evaluation, augmentation for training.

Augmentation depends only on (seed, epoch, sample, view), so a run resumed in the middle of an epoch sees the same images.
Shifts and flips are applied to whole batches, with one table of random numbers per (seed, epoch, view) and one row per
sample. ImageNet-style augmentation and the two views of self-supervised learning work on single images with the global
generators that timm and torchvision use; they are seeded per sample and restored afterwards.
"""

import math
import random
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float32, Float64, UInt8
from PIL import Image
from torch import Tensor

from helixnas.data.config import TwoViewConfig

ORDER_STREAM, AUGMENTATION_STREAM, SPLIT_STREAM = 1, 2, 3
"""Second word of a seed sequence; makes order, augmentation and splits independent of each other."""

ERASED = (124, 116, 104)
"""Colour of erased pixels: ImageNet's mean, about zero after normalisation."""


BLUR, BLURRED_SIZE = (0.1, 2.0), 224
"""Least and largest standard deviation of a view's blur in pixels, for images of so many pixels."""

SOLARIZED_FROM = 128
"""Pixels of at least this value are inverted by solarisation."""


def centre_view(
    image: Image.Image, *, image_size: int, crop_ratio: float, interpolation: str
) -> UInt8[np.ndarray, "size size 3"]:
    """Resize an RGB image and crop its centre, for rating and evaluation.

    As in timm, the short side becomes `image_size / crop_ratio` pixels before the crop. An image whose short side is at
    most `image_size` gets no margin, and one of exactly that size is not changed.

    >>> white = Image.new("RGB", (60, 40), "white")
    >>> centre_view(white, image_size=32, crop_ratio=0.875, interpolation="bicubic").shape
    (32, 32, 3)
    """
    if image.size == (image_size, image_size):
        return np.array(image)
    ratio = crop_ratio if min(image.size) > image_size else 1.0
    return _as_array(_centre_transform(image_size, ratio, interpolation)(image))


class Variation(NamedTuple):
    """Augmentation in addition to a random resized crop and a flip."""

    policy: str = ""
    """timm's name of an auto-augment policy; empty for none."""

    color_jitter: float = 0.0
    erasing: float = 0.0


# timm's v0, and RandAugment at magnitude 10, posterize to 0 bits, which Pillow refuses. v0r reverses the direction of
# that operation, and magnitudes are limited to 9.
_RAND_AUGMENT = "rand-m9-mstd0.5-mmax9-inc1"
VARIATIONS = {
    "imagenet": Variation(color_jitter=0.4, erasing=0.5),
    "auto-augment": Variation(policy="v0r"),
    "rand-augment": Variation(policy=_RAND_AUGMENT, erasing=0.25),
    "rand-augment-strong": Variation(policy=_RAND_AUGMENT, color_jitter=0.4, erasing=0.25),
}
"""The augmentations of single images, by name."""


def varied_view(
    image: Image.Image, *, image_size: int, augmentation: str, words: tuple[int, ...]
) -> UInt8[np.ndarray, "size size 3"]:
    """Augment an RGB image as for ImageNet training: random resized crop, flip, and the entry of `VARIATIONS`.

    The result depends only on `words`, integers such as (seed, stream, epoch, view, sample).
    """
    with seeded(words):
        return _as_array(_varied_transform(image_size, augmentation)(image))


def two_view(
    image: Image.Image, *, image_size: int, config: TwoViewConfig, view: int, words: tuple[int, ...]
) -> UInt8[np.ndarray, "size size 3"]:
    """Return view 0 or 1 of an RGB image for self-supervised learning: crop, flip, colours, greyscale, blur, solarisation.

    The result depends only on the settings, the view, and `words`, integers such as (seed, stream, epoch, view, sample).
    """
    with seeded(words):
        return _as_array(_two_view_transform(image_size, config, view)(image))


def augmentation_numbers(*, seed: int, epoch: int, view: int, num_images: int) -> Float64[np.ndarray, "images 3"]:
    """Return three numbers in [0, 1) per sample: for vertical shift, horizontal shift and flip.

    >>> few, more = (augmentation_numbers(seed=1, epoch=0, view=0, num_images=n) for n in (2, 9))
    >>> bool((few == more[:2]).all())
    True
    """
    return np.random.default_rng([seed, AUGMENTATION_STREAM, epoch, view]).random((num_images, 3))


def shift_and_flip(
    images: UInt8[np.ndarray, "batch height width 3"],
    numbers: Float64[np.ndarray, "batch 3"],
    *,
    padding: int,
    flip: bool,
) -> UInt8[np.ndarray, "batch height width 3"]:
    """Crop each zero-padded image at a random place and, if `flip`, mirror those whose third number is below 1/2.

    >>> images = np.arange(12, dtype=np.uint8).reshape(1, 2, 2, 3)
    >>> shift_and_flip(images, np.array([[0.5, 0.5, 0.0]]), padding=1, flip=True)[0, 0].tolist()
    [[3, 4, 5], [0, 1, 2]]
    """
    batch, height, width, channels = images.shape
    padded = np.zeros((batch, height + 2 * padding, width + 2 * padding, channels), dtype=np.uint8)
    padded[:, padding : padding + height, padding : padding + width] = images
    shifts = (numbers[:, :2] * (2 * padding + 1)).astype(np.int64)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (height, width), axis=(1, 2))
    cropped = windows.transpose(0, 1, 2, 4, 5, 3)[np.arange(batch), shifts[:, 0], shifts[:, 1]]
    if flip:
        mirrored = numbers[:, 2] < 0.5
        cropped[mirrored] = cropped[mirrored, :, ::-1]
    return cropped


def as_images(
    pixels: UInt8[Tensor, "batch height width 3"], device: torch.device | str | None = None
) -> Float32[Tensor, "batch 3 height width"]:
    """Convert bytes to float32 in [0, 1], NCHW in channels_last memory, on `device`; bytes are what is transferred.

    >>> as_images(torch.full((1, 1, 1, 3), 255, dtype=torch.uint8)).flatten().tolist()
    [1.0, 1.0, 1.0]
    """
    if device is not None and torch.device(device).type == "cuda":
        pixels = pixels.pin_memory()
    return pixels.to(device, non_blocking=True).permute(0, 3, 1, 2).to(torch.float32).div_(255)


@contextmanager
def seeded(words: tuple[int, ...]) -> Generator[None]:
    """Seed the global generators of random, numpy and torch (CPU) from `words`, and restore them afterwards."""
    state = np.random.SeedSequence(words).generate_state(3, dtype=np.uint32)
    before = random.getstate(), np.random.get_state(), torch.default_generator.get_state()
    try:
        random.seed(int(state[0]))
        np.random.seed(int(state[1]))
        torch.default_generator.manual_seed(int(state[2]))
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])
        torch.default_generator.set_state(before[2])


def padding_for(image_size: int) -> int:
    """Return the padding for an image of this size in pixels: an eighth, as in the usual 4 of 32 for CIFAR.

    >>> padding_for(32)
    4
    """
    return max(1, math.ceil(image_size / 8))


@lru_cache(maxsize=16)
def _centre_transform(image_size: int, crop_ratio: float, interpolation: str) -> Callable[[Image.Image], Tensor]:
    from timm.data.transforms_factory import transforms_imagenet_eval

    return transforms_imagenet_eval(image_size, crop_pct=crop_ratio, interpolation=interpolation, normalize=False)


@lru_cache(maxsize=16)
def _varied_transform(image_size: int, augmentation: str) -> Callable[[Image.Image], Tensor]:
    from timm.data.transforms_factory import transforms_imagenet_train
    from torchvision.transforms import Compose, RandomErasing

    chosen = VARIATIONS[augmentation]
    jitter: Any = chosen.color_jitter or None  # timm documents None but does not annotate it
    varied: Any = transforms_imagenet_train(
        image_size,
        color_jitter=jitter,
        force_color_jitter=True,
        auto_augment=chosen.policy or None,
        hflip=0.5,
        interpolation="random",
        normalize=False,
    )
    if not chosen.erasing:
        return varied
    erased: Any = list(ERASED)  # torchvision documents one value per channel but does not annotate it
    return Compose([varied, RandomErasing(p=chosen.erasing, scale=(0.02, 1 / 3), ratio=(0.3, 10 / 3), value=erased)])


@lru_cache(maxsize=16)
def _two_view_transform(image_size: int, config: TwoViewConfig, view: int) -> Callable[[Image.Image], Tensor]:
    from torchvision.transforms import v2

    jitter = v2.ColorJitter(config.brightness, config.contrast, config.saturation, config.hue)
    scale = image_size / BLURRED_SIZE
    kernel = 2 * math.ceil(3 * BLUR[1] * scale) + 1
    blur = v2.GaussianBlur(kernel, (BLUR[0] * scale, BLUR[1] * scale))
    bicubic = v2.InterpolationMode.BICUBIC
    return v2.Compose(
        [
            v2.RandomResizedCrop(image_size, scale=(config.min_area, 1.0), interpolation=bicubic, antialias=True),
            v2.RandomHorizontalFlip(config.flip),
            v2.PILToTensor(),
            v2.RandomApply([jitter], config.jitter),
            v2.RandomGrayscale(config.grey),
            v2.RandomApply([blur], config.blur[view]),
            v2.RandomSolarize(SOLARIZED_FROM, config.solarize[view]),
        ]
    )


def _as_array(image: Tensor) -> np.ndarray:
    return image.permute(1, 2, 0).contiguous().numpy()
