"""The beam after each block: the prefixes of networks with the best scores, which the next block is trained behind.

A beam holds the best prefixes *for each width* that the block may give, because a block's first layers, and so its
scores, depend on the width it receives: without this, none would be trained behind a width that left the beam. With one
width this is the paper's rule.
"""

from collections.abc import Sequence
from pathlib import Path as FilePath
from typing import NamedTuple

import numpy as np

from helixnas.artifacts.files import read_json, understanding, write_json
from helixnas.space import Path
from helixnas.supernet import SupernetBlock

Prefix = tuple[Path, ...]
"""The first blocks of a network: a path for each of blocks 1 .. i."""


class ScoredPrefix(NamedTuple):
    """A prefix in a beam."""

    prefix: Prefix
    score: float
    """Eq. 7 at the output of its last block; lower is better."""


def extensions(prefixes: Sequence[Prefix], block: SupernetBlock) -> list[Prefix]:
    """Return every prefix followed by every path of a block: by prefix, then cell, then path."""
    paths = [path for cell in block for path in cell.cell.paths()]
    return [(*prefix, path) for prefix in prefixes for path in paths]


def best_by_width(candidates: Sequence[Prefix], scores: Sequence[float], size: int) -> tuple[ScoredPrefix, ...]:
    """Return the `size` lowest scores among the candidates of each last width, lowest first; ties in their order.

    >>> from helixnas.space import macro
    >>> small, *_, large = macro(widths=(4, 8), depths=(1, 1)).blocks
    >>> candidates = [(path,) for block in (small, large) for path in block.paths()]
    >>> [each.score for each in best_by_width(candidates, [float(score) for score in range(len(candidates))], 1)]
    [0.0, 3.0]
    """
    counts: dict[int, int] = {}
    beam: list[ScoredPrefix] = []
    for number in np.argsort(np.array(scores), kind="stable").tolist():
        width = candidates[number][-1].width
        counts[width] = counts.get(width, 0) + 1
        if counts[width] <= size:
            beam.append(ScoredPrefix(candidates[number], scores[number]))
    return tuple(beam)


def save_beams(beams: Sequence[Sequence[ScoredPrefix]], path: FilePath, key: str) -> None:
    """Write the beams after all blocks as JSON, whole or not at all; `key` is that of the stage that made them."""
    blocks = [
        [{"paths": " ".join(each.text for each in prefix), "score": score} for prefix, score in beam] for beam in beams
    ]
    write_json(path, {"key": key, "blocks": blocks})


def load_beams(path: FilePath, key: str) -> list[list[tuple[str, float]]] | None:
    """Return the beam after each block, best first, as text and score; None if no stage with this key wrote the file."""
    if not path.is_file():
        return None
    values = read_json(path)
    with understanding(path):
        if values["key"] != key:
            return None
        return [[(str(each["paths"]), float(each["score"])) for each in beam] for beam in values["blocks"]]
