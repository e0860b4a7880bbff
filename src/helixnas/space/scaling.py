"""Compound scaling: a deeper, wider network for larger images with the same operations (Eq. 9).

The rule is EfficientNet's, as in timm's decoder of architectures, so the paper's scaled DNA-c models have the published
sizes. The convolution that sees the image stays one layer, and a stem that passes the image on stays as it is; every other
stage of stem and blocks grows wider and deeper. Hidden channels that an operation names grow with the widths. Widths of
transformer layers are multiples of their heads, and images that are cut into patches are cut into whole ones.
"""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from helixnas.errors import SpaceError
from helixnas.space.architecture import Architecture, Path, Stage
from helixnas.space.grids import CUTTING_KINDS, HEAD_DIM
from helixnas.space.joining import split_architecture
from helixnas.space.operation import Operation

DEPTH, WIDTH, RESOLUTION = 1.2, 1.1, 1.15
"""EfficientNet's factors for one step of the compound rule: about twice the multiply-adds."""

DIVISOR, LEAST_SHARE = 8, 0.9
"""Scaled widths are multiples of the divisor, and at least this share of their exact value."""


@dataclass(frozen=True, kw_only=True)
class Scaled:
    """An architecture and the height and width of its images in pixels."""

    architecture: Architecture
    image_size: int


def scale(
    architecture: Architecture, *, width: float, depth: float, resolution: float = 1.0, image_size: int = 224
) -> Scaled:
    """Return an architecture with widths, depths and image size multiplied.

    Widths become multiples of 8, at least 90 % of the exact value; a factor of 1 keeps them. The layers of every stage are
    rounded up, and `image_size`, the height and width of the images of `architecture`, to a whole pixel. Raises `SpaceError`
    if a factor is not a number above 0.

    >>> k3 = Operation.of("mb6_k3", kind="mbconv", kernel=3, expansion=6)
    >>> k5 = Operation.of("mb6_k5", kind="mbconv", kernel=5, expansion=6)
    >>> from helixnas.space import Head
    >>> tiny = Architecture((), (Stage(2, Path(24, (k5, k3, k3))),), Head(64))
    >>> scale(tiny, width=1.5, depth=2.0, resolution=1.25).architecture.text
    '40:mb6_k5,mb6_k5,mb6_k3,mb6_k3,mb6_k3,mb6_k3'
    """
    for name, factor in (("width", width), ("depth", depth), ("resolution", resolution), ("image_size", image_size)):
        if not 0 < factor < math.inf:
            raise SpaceError(f"the {name} to scale to must be a number above 0, not {factor}")
    head, architecture = architecture.head, split_architecture(architecture)
    side, patch = max(1, round(image_size * resolution)), architecture.stride
    if any(operation.kind in CUTTING_KINDS for operation in architecture.operations):
        side = max(1, round(side / patch)) * patch
    stem = (
        _scale_stage(stage, width=width, depth=depth if number else 1.0)
        for number, stage in enumerate(architecture.stem)
    )
    grown = Architecture(
        stem=_at_grid(stem, side),
        blocks=tuple(_scale_stage(stage, width=width, depth=depth) for stage in architecture.blocks),
        head=replace(head, width=scale_width(head.width, width) if head.width else 0),
    )
    return Scaled(architecture=grown, image_size=side)


def compound(architecture: Architecture, steps: float, *, image_size: int = 224) -> Scaled:
    """Return an architecture `steps` (phi, any number) along EfficientNet's compound rule; below 0 it shrinks.

    >>> k3 = Operation.of("mb6_k3", kind="mbconv", kernel=3, expansion=6)
    >>> compound(Architecture((), (Stage(2, Path(24, (k3,))),)), 1.0, image_size=200).image_size
    230
    """
    return scale(
        architecture, width=WIDTH**steps, depth=DEPTH**steps, resolution=RESOLUTION**steps, image_size=image_size
    )


def scale_width(width: int, factor: float, divisor: int = DIVISOR) -> int:
    """Return a width times a factor as the nearest multiple of the divisor that keeps 90 % of it.

    A factor of at least 1 never makes it narrower, and 1 keeps it, also where it is no multiple.

    >>> scale_width(32, 1.1), scale_width(24, 1.4), scale_width(8, 1.2), scale_width(224, 1.1, 32)
    (32, 32, 16, 256)
    >>> scale_width(12, 1.0), scale_width(12, 1.01)
    (12, 16)
    """
    if factor == 1:
        return width
    exact = width * factor
    rounded = max(divisor, int(exact + divisor / 2) // divisor * divisor)
    rounded = rounded + divisor if rounded < LEAST_SHARE * exact else rounded
    return max(width, rounded) if factor > 1 else rounded


def scale_depth(layers: Sequence[Operation], factor: float) -> tuple[Operation, ...]:
    """Return a stage's layers with each run of equal ones repeated longer; their number is rounded up.

    The last run gets its share first, so the first layer, which changes width and resolution, is repeated last.
    """
    runs = [(operation, len(list(group))) for operation, group in groupby(layers)]
    left, wanted = len(layers), math.ceil(len(layers) * factor)
    scaled: list[Operation] = []
    for operation, length in reversed(runs):
        repeated = max(1, round(length / left * wanted))
        scaled += [operation] * repeated
        left, wanted = left - length, wanted - repeated
    return tuple(reversed(scaled))


def _scale_stage(stage: Stage, *, width: float, depth: float) -> Stage:
    path = stage.path
    if all(operation.kind == "image" for operation in path.operations):
        return stage
    divisor = math.lcm(DIVISOR, *(_heads(operation) for operation in path.operations))
    layers = tuple(_scale_hidden(operation, width) for operation in path.operations)
    return Stage(stage.stride, Path(scale_width(path.width, width, divisor), scale_depth(layers, depth)))


def _scale_hidden(operation: Operation, factor: float) -> Operation:
    """Return an operation whose number of hidden channels, if it names one, is multiplied, also in its name (mb_h64_k3)."""
    hidden = operation.option("hidden")
    if not isinstance(hidden, int) or hidden < 1:
        return operation
    scaled = scale_width(hidden, factor)
    name = re.sub(rf"(?<![A-Za-z0-9])h{hidden}(?![0-9])", f"h{scaled}", operation.name)
    return Operation.of(name, kind=operation.kind, **{**dict(operation.options), "hidden": scaled})


def _heads(operation: Operation) -> int:
    """Return the number that must divide the width of a layer: its heads, or the channels of a head."""
    if operation.kind != "attention":
        return 1
    divisor = operation.option("heads") or operation.option("head_dim", HEAD_DIM)
    return divisor if isinstance(divisor, int) else 1


def _at_grid(stem: Iterable[Stage], side: int) -> tuple[Stage, ...]:
    """Return a stem with the positions of images of this side, if its layers have positions."""
    stages: list[Stage] = []
    for stage in stem:
        side = -(-side // stage.stride)
        operations = (
            Operation.of(each.name, kind=each.kind, **{**dict(each.options), "grid": side})
            if each.option("grid")
            else each
            for each in stage.path.operations
        )
        stages.append(Stage(stage.stride, replace(stage.path, operations=tuple(operations))))
    return tuple(stages)
