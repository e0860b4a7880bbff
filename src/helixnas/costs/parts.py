"""The parts of a space's networks: stem, heads, and every operation in every context.

A context is (input width, output width, stride, feature map size). A space of 10^17 networks has a few dozen parts, so
each is counted or timed once, and `fill_table` combines them into the costs of every path.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache, partial
from typing import Literal

import numpy as np
import numpy.typing as npt
from torch import nn

from helixnas.artifacts import CostTable
from helixnas.artifacts.cost_table import COMBINED_BY_MAXIMUM
from helixnas.nn import Place, build_head, build_operation, build_stages, head_builder, operation_builder
from helixnas.space import Cell, LayerPlace, Operation, SearchSpace, check_image_size


@dataclass(frozen=True, kw_only=True)
class Part:
    """One part of a network; `build` makes its module on the default device."""

    kind: Literal["stem", "operation", "head"]
    name: str
    """Unique in a space, valid as a file name: ``mb6_k5-24-40-s2-56`` maps 24 x 56 x 56 to 40 x 28 x 28."""

    in_width: int
    size: int
    build: Callable[[], nn.Module] = field(compare=False, repr=False)
    made_of: tuple[Hashable, ...] = field(default=(), repr=False)
    """All that decides the module, the registered function included: equal parts cost the same in any space."""

    def shape(self, batch_size: int = 1) -> tuple[int, int, int, int]:
        """Return the shape of the input."""
        return batch_size, self.in_width, self.size, self.size


@dataclass(frozen=True, kw_only=True)
class Input:
    """Square image (side in pixels, channels) and number of classes (0 for no classifier) of a space's networks."""

    image_size: int
    num_classes: int
    in_chans: int = 3


def parts(space: SearchSpace, given: Input) -> dict[str, Part]:
    """Return all parts of a space by name, in the order of the forward pass.

    >>> from helixnas.space import macro
    >>> found = parts(macro(depths=(1, 1, 1)), Input(image_size=8, num_classes=10))
    >>> [name for name, part in found.items() if part.kind != "operation"]
    ['stem-3-8', 'head-256-1']
    """
    found: dict[str, Part] = {}

    def note(part: Part) -> tuple[int, ...]:
        found[part.name] = part
        return (0,)

    fill_table(space, given, ("none",), note, facts={})
    return found


def fill_table(
    space: SearchSpace,
    given: Input,
    resources: Sequence[str],
    cost_of: Callable[[Part], Sequence[int]],
    *,
    facts: Mapping[str, int | float | str],
) -> CostTable:
    """Return the costs of every (block, previous width, path), stem and head included, combined from the parts.

    `cost_of` returns the costs of a part in the order of `resources` and is called once per part. The table stores image,
    classes and `facts`, further conditions of the costs. Raises `SpaceError` if the space cannot take images of this size.
    """
    check_image_size(space, given.image_size)
    is_max = np.array([name in COMBINED_BY_MAXIMUM for name in resources])
    cost = cache(lambda part: np.array(cost_of(part), dtype=np.int64))
    size = given.image_size
    rows: list[tuple[int, int, str, int]] = [(0, given.in_chans, "", space.stem_width)]
    costs: list[npt.NDArray[np.int64]] = [cost(_stem(space, given))[None]]
    for stage in space.stem:
        size = -(-size // stage.stride)
    for number, block in enumerate(space.blocks, start=1):
        for previous in space.previous_widths(number):
            for cell in block.cells:
                rows.extend((number, previous, path.text, cell.width) for path in cell.paths())
                costs.append(_cell_costs(cell, previous, block.stride, size, cost, is_max))
        size = -(-size // block.stride)
    for width in space.blocks[-1].widths:
        rows.append((len(space.blocks) + 1, width, "", given.num_classes))
        costs.append(cost(_head(space, width, size, given.num_classes))[None])
    blocks, previous, paths, widths = zip(*rows, strict=True)
    totals = np.concatenate(costs)
    return CostTable(
        block=np.array(blocks, dtype=np.int64),
        previous_width=np.array(previous, dtype=np.int64),
        path=tuple(paths),
        width=np.array(widths, dtype=np.int64),
        resources={name: totals[:, column] for column, name in enumerate(resources)},
        facts={**asdict(given), **facts},
    )


def _cell_costs(
    cell: Cell,
    previous: int,
    stride: int,
    size: int,
    cost: Callable[[Part], npt.NDArray[np.int64]],
    is_max: npt.NDArray[np.bool_],
) -> npt.NDArray[np.int64]:
    """Return the combined costs of the layers, (paths, resources), in the order of `Cell.paths`."""
    chosen = np.unravel_index(np.arange(cell.num_paths), cell.choices)
    total = np.zeros((cell.num_paths, len(is_max)), dtype=np.int64)
    for leader, layer, place in zip(cell.leaders, cell.layers, cell.places(previous, stride), strict=True):
        own = np.stack([cost(_operation(operation, place, size)) for operation in layer])[chosen[leader]]
        total = np.where(is_max, np.maximum(total, own), total + own)
        size = -(-size // place.stride)
    return total


def _operation(operation: Operation, at: LayerPlace, size: int) -> Part:
    name = f"{operation.name}-{at.in_width}-{at.out_width}-s{at.stride}-{size}"
    build = partial(build_operation, operation, Place(**at._asdict(), grid=size))
    made_of = (operation, at, operation_builder(operation.kind))
    return Part(kind="operation", name=name, in_width=at.in_width, size=size, build=build, made_of=made_of)


def _stem(space: SearchSpace, given: Input) -> Part:
    name = f"stem-{given.in_chans}-{given.image_size}"
    build = partial(build_stages, given.in_chans, space.stem, norm_layer=nn.BatchNorm2d)
    builders = tuple(operation_builder(each.kind) for stage in space.stem for each in stage.path.operations)
    made_of = (space.stem, builders)
    return Part(kind="stem", name=name, in_width=given.in_chans, size=given.image_size, build=build, made_of=made_of)


def _head(space: SearchSpace, width: int, size: int, num_classes: int) -> Part:
    build = partial(build_head, width, space.head, num_classes)
    made_of = (space.head, num_classes, head_builder(space.head.kind))
    return Part(kind="head", name=f"head-{width}-{size}", in_width=width, size=size, build=build, made_of=made_of)
