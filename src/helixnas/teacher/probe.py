"""The pictures that a teacher's boundaries are measured with: noise, and copies with other noise in one patch."""

import torch
from torch import Tensor

Places = tuple[tuple[float, float], ...]

FEW_PLACES = ((0.15, 0.40), (0.40, 0.85), (0.65, 0.15), (0.85, 0.65))
"""Centres of the patches, as fractions of height and width: one in each quarter, so that small maps tell them apart."""

MANY_PLACES = tuple(
    (row / 8, column / 8 - shift)
    for row, shift in ((1, 0.03), (3, -0.03), (5, 0.01), (7, -0.02))
    for column in (1, 3, 5, 7)
)
"""Centres of the patches where four leave open which order the features have."""

PATCH = 7
"""The side of the image relative to that of a patch."""

CONTRAST = 3.0
"""Standard deviation of a patch's noise, relative to the picture's."""


def images(shape: tuple[int, int, int], places: Places) -> list[Tensor]:
    """Return a picture of noise, and copies of it with other noise in one of the patches."""
    draw = torch.Generator().manual_seed(0)
    picture = torch.randn(shape, generator=draw)
    images = [picture]
    for top, left, side in patches(shape[1:], places):
        marked = picture.clone()
        marked[:, top : top + side, left : left + side] += CONTRAST * torch.randn(shape[0], side, side, generator=draw)
        images.append(marked)
    return images


def patches(input_size: tuple[int, int], places: Places) -> list[tuple[int, int, int]]:
    """Return top, left and side of the patches, in pixels."""
    height, width = input_size
    side = max(1, min(input_size) // PATCH)
    corners = ((round(row * height - side / 2), round(column * width - side / 2)) for row, column in places)
    return [(min(max(0, top), height - side), min(max(0, left), width - side), side) for top, left in corners]


def cells(start: int, side: int, pixels: int, cells: int) -> slice:
    """Return the cells whose centres lie in a stretch of pixels, at least the one that holds its middle."""
    first, last = start * cells / pixels, (start + side) * cells / pixels
    inside = [cell for cell in range(cells) if first <= cell + 0.5 < last]
    middle = min(cells - 1, int((first + last) / 2))
    return slice(inside[0], inside[-1] + 1) if inside else slice(middle, middle + 1)


def wider(cells: slice, number: int) -> slice:
    """Return one cell more on either side, if a map has so many that this is still about the same place."""
    return slice(max(0, cells.start - 1), cells.stop + 1) if number > 4 else cells
