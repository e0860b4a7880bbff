"""Blockwise order: a shuffle that opens storage blocks one after the other, with a fixed number of them open at a time.

Blocks get random places 0, 1, 2, ... . An image of the block at place p gets the key p + w * u, with u uniform in [0, 1), and
the images are sorted by key. So exactly one block is opened per unit of the key and lives for w units, and each batch mixes
the images of w blocks. It is a shuffle buffer written as a permutation: it depends on the seed alone, so any batch
can be computed without the ones before, and a run resumes in the middle of an epoch.

The blocks at places p, p + w, p + 2w, ... follow each other in one *lane*. Within a batch, images are sorted by lane. A
process that takes a fixed part of each batch, or a loader worker that takes fixed lanes, then reads few blocks, not all.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Int64


class Blockwise(NamedTuple):
    """An order of images, with the lane and the place of the block of each image (by position, not by order)."""

    order: Int64[np.ndarray, " images"]
    lanes: Int64[np.ndarray, " images"]
    places: Int64[np.ndarray, " images"]

    def by_lane(self, chunk: Int64[np.ndarray, " batch"]) -> Int64[np.ndarray, " batch"]:
        """Return the positions of a batch sorted by lane, then by place; ties stay in order."""
        return chunk[np.lexsort((self.places[chunk], self.lanes[chunk]))]


def blockwise_order(blocks: Int64[np.ndarray, " images"], window: int, rng: np.random.Generator) -> Blockwise:
    """Return a random order in which images of at most about `window` blocks alternate, given the block of each image.

    Where there are no more blocks than that, every order is equally likely.

    >>> blockwise_order(np.array([0, 0, 0, 1, 1, 1]), 1, np.random.default_rng(0)).order.tolist()
    [2, 1, 0, 5, 3, 4]
    """
    assert window >= 1
    present, block = np.unique(blocks, return_inverse=True)
    places = rng.permutation(len(present))[block]
    if window >= len(present):
        return Blockwise(rng.permutation(len(blocks)), places, places)
    keys = places + window * rng.random(len(blocks))
    return Blockwise(np.argsort(keys, kind="stable"), places % window, places)


def is_dense(blocks: Int64[np.ndarray, " images"], rows: Int64[np.ndarray, " rows"], least: float = 0.25) -> bool:
    """Return whether `rows` are at least a share of the images of their blocks, so that whole blocks are worth reading.

    >>> blocks = np.arange(1000) // 100
    >>> is_dense(blocks, np.arange(0, 1000, 2)), is_dense(blocks, np.arange(0, 1000, 50))
    (True, False)
    """
    counts = np.bincount(blocks)
    return bool(len(rows) >= least * counts[np.unique(blocks[rows])].sum())
