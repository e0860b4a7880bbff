"""Pictures: an image with its classes or boxes drawn over it."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw
from torch import Tensor

GOLDEN = 0.618033988749895
OPACITY = 0.6
VOID_COLOR = (0, 0, 0)
LEAST_SCORE = 0.5
"""Boxes with a lower score are not drawn."""


def class_color(index: int) -> tuple[int, int, int]:
    """Return a colour for a class; neighbours in the list differ strongly.

    >>> class_color(0) != class_color(1)
    True
    """
    hue = (index * GOLDEN) % 1.0
    value = (0.95, 0.75, 0.55)[index % 3]
    red, green, blue = Image.new("HSV", (1, 1), (int(hue * 255), 200, int(value * 255))).convert("RGB").getpixel((0, 0))  # pyright: ignore
    return int(red), int(green), int(blue)


def as_image(image: Tensor) -> Image.Image:
    """Return an image of values in [0, 1], (3, height, width), as a picture."""
    return Image.fromarray((image.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy())


def with_classes(image: Image.Image, classes: np.ndarray, num_classes: int) -> Image.Image:
    """Return a picture with a colour per class over it; void, a negative class, is black."""
    table = np.array([*(class_color(index) for index in range(num_classes)), VOID_COLOR], np.uint8)
    indices = np.where(classes < 0, num_classes, classes)
    colors = Image.fromarray(table[indices])
    return Image.blend(image.resize(colors.size), colors, OPACITY)


def with_boxes(
    image: Image.Image, corners: np.ndarray, labels: np.ndarray, names: Sequence[str], scores: np.ndarray | None = None
) -> Image.Image:
    """Return a picture with boxes, their classes and scores drawn over it; those with a score below .5 are left out."""
    drawn = image.copy()
    pen = ImageDraw.Draw(drawn)
    for number, (box, label) in enumerate(zip(corners, labels, strict=True)):
        if scores is not None and scores[number] < LEAST_SCORE:
            continue
        color = class_color(int(label))
        pen.rectangle([float(value) for value in box], outline=color, width=max(1, min(image.size) // 200))
        score = "" if scores is None else f" {scores[number]:.2f}"
        pen.text((float(box[0]) + 2, float(box[1])), f"{names[int(label)]}{score}", fill=color)
    return drawn


def side_by_side(pictures: Sequence[Image.Image]) -> Image.Image:
    """Return pictures of one size in a row, four pixels apart."""
    width, height = pictures[0].size
    row = Image.new("RGB", (len(pictures) * (width + 4) - 4, height), "white")
    for number, picture in enumerate(pictures):
        row.paste(picture.resize((width, height)), (number * (width + 4), 0))
    return row
