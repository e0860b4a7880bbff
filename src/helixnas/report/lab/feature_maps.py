"""Feature maps as a picture: the same channels of a block's output, the teacher's row above the student's (Fig. 10)."""

import base64
import io

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from helixnas.report.elements.page import render

SIDE, GAP, BETWEEN = 72, 4, 14
"""Pixels: least side of a map, between maps, between images."""


def maps_figure(
    block: int,
    path: str,
    teacher: Float[np.ndarray, "images channels height width"],
    student: Float[np.ndarray, "images channels height width"],
) -> str:
    """Return one block's maps as an HTML figure with an embedded picture; the text is safe `Markup`."""
    buffer = io.BytesIO()
    Image.fromarray(mosaic(teacher, student)).save(buffer, "PNG", optimize=True)
    return render("lab/feature_maps", block=block, path=path, picture=base64.b64encode(buffer.getvalue()).decode())


def mosaic(
    teacher: Float[np.ndarray, "images channels height width"],
    student: Float[np.ndarray, "images channels height width"],
) -> UInt8[np.ndarray, "rows columns"]:
    """Return all maps in one grey picture; each pair is scaled by the teacher's range in that map.

    >>> mosaic(np.zeros((2, 3, 4, 4)), np.zeros((2, 3, 4, 4))).shape
    (310, 224)
    """
    low = teacher.min(axis=(2, 3), keepdims=True)
    spread = np.maximum(teacher.max(axis=(2, 3), keepdims=True) - low, 1e-12)
    grey = [np.clip(255 * (maps - low) / spread, 0, 255).round().astype(np.uint8) for maps in (teacher, student)]
    zoom = max(1, -(-SIDE // teacher.shape[-1]))
    rows: list[np.ndarray] = []
    for image in range(len(teacher)):
        for maps, space in zip(grey, (GAP, BETWEEN), strict=True):
            large = maps[image].repeat(zoom, axis=1).repeat(zoom, axis=2)
            parts = [part for each in large for part in (each, np.full((each.shape[0], GAP), 255, np.uint8))]
            row = np.concatenate(parts[:-1], axis=1)
            rows += [row, np.full((space, row.shape[1]), 255, np.uint8)]
    return np.concatenate(rows[:-1], axis=0)
