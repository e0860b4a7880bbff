"""Families of spaces that fit a teacher, as definitions for a recipe, from large to small.

Widths are a share of the teacher's, and every block has cells of two depths and two widths (MBConv) or three (ViT), as in
the paper's spaces. One number, the share, moves a whole family, so a fitting space is found by bisection
(`helixnas.start.fitting`).
"""

from collections.abc import Sequence
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np

from helixnas.start.teacher_facts import TeacherFacts

SHARES = tuple(round(float(share), 4) for share in np.geomspace(1.5, 0.01, 41))
"""Widths relative to the teacher's that are tried; steps of 13 %."""

KERNELS = ((3, 5, 7), (3, 5), (3,))
EXPANSIONS = (3, 6)
MLP_RATIOS = ((2, 3, 4), (2, 4))
"""Candidates of a layer; the first are the most."""

NUM_CHOICES = len(KERNELS)

DEPTHS = {"mbconv": (2, 1, 3), "vit": (3, 2, 1)}
"""Layers of a block's shallow cells that are tried, the preferred number first; others have one more."""

NARROW = 96
"""Channels below which fewer layers are preferred to narrower transformers."""

MOST_HEAD, MOST_STEM = 1280, 32


def definition(facts: TeacherFacts, *, share: float, depth: int, choices: int = 0) -> dict[str, Any]:
    """Return the space of a share of the teacher's widths, cells of `depth` and `depth` + 1 layers, as plain values.

    `choices` is the position in the lists of operations: 0 for the most, `NUM_CHOICES` - 1 for the fewest.
    """
    if facts.kind == "vit":
        return _vit(facts, share, depth, MLP_RATIOS[min(choices, len(MLP_RATIOS) - 1)])
    return _mbconv(facts, share, depth, _kernels(facts, choices))


def _kernels(facts: TeacherFacts, choices: int) -> tuple[int, ...]:
    largest = max(3, facts.image_size // facts.strides[0])  # no kernel larger than the largest map
    return tuple(kernel for kernel in KERNELS[choices] if kernel <= largest)


def _mbconv(facts: TeacherFacts, share: float, depth: int, kernels: tuple[int, ...]) -> dict[str, Any]:
    cells: list[list[list[int]]] = []
    for teacher_width in facts.widths:
        width = _to_eight(share * teacher_width)
        wide = max(width + 8, _to_eight(4 * width / 3))
        cells.append([[depth, width], [depth + 1, width], [depth, wide]])
    first, head = cells[0][0][1], min(MOST_HEAD, 4 * cells[-1][0][1])
    stem, strides = _strides(facts.strides)
    stem_width = min(MOST_STEM, _to_eight(2 * first / 3))
    if len(stem) == 1 and stem[0] <= 2:
        return {
            "name": "fitted",
            "family": "mbconv",
            "cells": cells,
            "strides": strides,
            "kernels": list(kernels),
            "expansions": list(EXPANSIONS),
            "stem_width": stem_width,
            "stem_stride": stem[0],
            "separable_width": 0,
            "head_width": head,
        }
    operations: dict[str, Any] = {"entry": _entry(stem)}
    if len(stem) > 1:
        operations["reduce"] = {"kind": "separable", "kernel": 3, "activation": "silu"}
    operations |= {
        f"mb{expansion}_k{kernel}": {
            "kind": "mbconv",
            "kernel": kernel,
            "expansion": expansion,
            "se_ratio": 0.25,
            "activation": "silu",
        }
        for expansion in EXPANSIONS
        for kernel in kernels
    }
    names = ["entry"] + ["reduce"] * (len(stem) - 1)
    return {
        "name": "fitted",
        "operations": operations,
        "stem": [
            {"stride": stride, "width": stem_width, "operations": [name]}
            for stride, name in zip(stem, names, strict=True)
        ],
        "blocks": [
            {"stride": stride, "cells": [{"width": width, "layers": layers} for layers, width in block]}
            for stride, block in zip(strides, cells, strict=True)
        ],
        "head": {"width": head},
    }


def _entry(stem: Sequence[int]) -> dict[str, Any]:
    """Return the first operation: a convolution, or patches where the teacher's own stride is no power of two."""
    return {"kind": "patch", "grid": 0} if stem[0] > 2 else {"kind": "conv", "kernel": 3, "activation": "silu"}


def _strides(totals: Sequence[int]) -> tuple[list[int], list[int]]:
    """Return the strides of the stem's layers and of the blocks, for these total strides of the blocks.

    >>> _strides((4, 8, 16)), _strides((16, 16)), _strides((7, 14)), _strides((1, 2))
    (([2], [2, 2, 2]), ([2, 2, 2], [2, 1]), ([7], [1, 2]), ([1], [1, 2]))
    """
    first = totals[0]
    rest = [later // earlier for earlier, later in pairwise(totals)]
    if first & (first - 1):
        return [first], [1, *rest]
    if first <= 2:
        return [first], [1, *rest]
    stem = [2] * ((first // 2).bit_length() - 1)
    return stem, [first // prod(stem), *rest]


def _vit(facts: TeacherFacts, share: float, depth: int, ratios: tuple[int, ...]) -> dict[str, Any]:
    teacher_width = max(facts.widths)
    head = 32 if teacher_width >= 96 else 16 if teacher_width >= 48 else 8
    middle = max(2, round(share * teacher_width / head)) * head
    return {
        "name": "fitted",
        "family": "vit",
        "dimensions": [middle - head, middle, middle + head],
        "head_dim": head,
        "mlp_ratios": list(ratios),
        "layers": [depth, depth + 1],
        "strides": [1] * len(facts.strides),
        "patch": facts.strides[0],
        "image_size": facts.image_size,
        "stem_width": middle,
    }


def width_of(values: dict[str, Any]) -> int:
    """Return the middle width of a space of transformers, the largest first width of another one."""
    if "dimensions" in values:
        return int(values["dimensions"][1])
    cells = values["cells"][-1] if "cells" in values else [(0, each["width"]) for each in values["blocks"][-1]["cells"]]
    return int(cells[0][1])


def _to_eight(width: float) -> int:
    return max(8, 8 * round(width / 8))
