"""The families of search spaces, with their cells drawn in text; without torch."""

import inspect
from collections.abc import Callable, Iterator

from rich.console import Console

from helixnas.cli.option_values import say
from helixnas.space import Block, Cell, SearchSpace
from helixnas.space.definition import FAMILIES

MOST_CELLS = 3
"""Cells of a block that are drawn; of more, the first and the last."""


def show_spaces(console: Console) -> None:
    """Print every family: what it is, its arguments with defaults, and the cells of its blocks."""
    for name, build in FAMILIES.items():
        space = build()
        say(console, f"{name}: {purpose_of(build)}")
        say(console, f"  {space.size:,} networks in {len(space.blocks)} blocks, with the defaults")
        for line in draw(space):
            say(console, f"  {line}")
        arguments = [each for each in inspect.signature(build).parameters if each != "name"]
        say(console, f"  arguments: {', '.join(arguments)}")
        say(console, "")
    say(
        console,
        "In a recipe: space: {family: mbconv, kernels: [3, 5]}. Other spaces: join, or a full definition; see the",
    )
    say(console, "reference of helixnas.space.definition. A space that fits your teacher: helixnas init")


def purpose_of(build: Callable[..., SearchSpace]) -> str:
    """Return what a family is: the first line of its docstring, without what it raises.

    >>> from helixnas.space.channel import channel
    >>> purpose_of(channel)
    "the benchmark's space, or one of other largest widths, each in `num_widths` even steps"
    """
    first = inspect.getdoc(build) or ""
    return first.partition("\n")[0].partition("; raises")[0].removeprefix("Return ").removesuffix(".")


def draw(space: SearchSpace) -> Iterator[str]:
    r"""Yield the lines of a drawing: the stem, each block with its cells, the head.

    >>> from helixnas.space import mbconv
    >>> small = mbconv(cells=[[[1, 8], [2, 8]]], strides=[2], kernels=[3], expansions=[3, 6], separable_width=0)
    >>> print(*draw(small), sep="\n")
    stem     conv_k3/2 -> 32
    block 1  /2 -> [a] -> 8
                -> [a] [a] -> 8
             [a] is one of mb3_k3, mb6_k3
    head     conv, 1,280 channels
    """
    stem = " ".join(f"{stage.path.operations[0].name}/{stage.stride}" for stage in space.stem)
    yield f"stem     {stem} -> {space.stem_width}"
    letters: dict[tuple[str, ...], str] = {}
    for number, block in enumerate(space.blocks, start=1):
        yield from _draw_block(number, block, letters)
    for names, letter in letters.items():
        yield f"         [{letter}] is one of {', '.join(names)}"
    if any(cell.ties for block in space.blocks for cell in block.cells):
        yield "         = joins layers that take the same operation"
    width = f", {space.head.width:,} channels" if space.head.width else ""
    yield f"head     {space.head.kind}{width}"


def _draw_block(number: int, block: Block, letters: dict[tuple[str, ...], str]) -> Iterator[str]:
    cells = list(block.cells)
    left_out = len(cells) - MOST_CELLS
    shown = cells if left_out <= 0 else [*cells[: MOST_CELLS - 1], cells[-1]]
    for position, cell in enumerate(shown):
        if left_out > 0 and position == MOST_CELLS - 1:
            yield f"            ... {left_out} more {'cell' if left_out == 1 else 'cells'}"
        entry = f"block {number}  /{block.stride}" if position == 0 else " " * 11
        yield f"{entry} -> {_draw_cell(cell, letters)} -> {cell.width}"


def _draw_cell(cell: Cell, letters: dict[tuple[str, ...], str]) -> str:
    """Return a box per layer; tied layers, which take one operation together, share a box."""
    parts: list[str] = []
    for position, (layer, leader) in enumerate(zip(cell.layers, cell.leaders, strict=True)):
        names = tuple(operation.name for operation in layer)
        letter = letters.setdefault(names, chr(ord("a") + len(letters) % 26))
        if leader == position:
            parts.append(f"[{letter}]")
        else:
            parts[-1] = f"{parts[-1][:-1]}={letter}]"
    return " ".join(parts)
