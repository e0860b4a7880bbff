"""An architecture as a picture: a column per block, a bar per layer; width is expansion, colour is kernel.

Python places the bars and the template draws them as SVG: a plotting library has axes, not networks.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from helixnas.report.elements.page import render
from helixnas.space import Architecture, Head, Operation, Stage
from helixnas.space.operation import Option

BAR, NARROW = 92, 42
"""Pixels: the width of the bar with the largest expansion, and the part that every bar has whatever its expansion."""

PAGE, COLUMN, ROW, THICK, HEAD_ROOM = 940, (117, 150), 30, 22, 56
"""Pixels: the page's column; the least and the most between two columns of the drawing; between layers; a bar."""

TINTS = ("#cfe3f5", "#fbdcb8", "#c9ead9", "#ecd0e6", "#efe3a9", "#f6cfc9")
LINES = ("#0b62a8", "#b85c00", "#12805c", "#a3458c", "#8a6d00", "#c0392b")
NO_KERNEL = ("#eceff2", "#6b7580")
WIRE = "#6b7580"
MAX_LETTERS = 13

EXPANSION, MLP_RATIO = "expansion", "mlp_ratio"
"""Options that say how much wider a layer is inside than outside."""


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One layer of a drawing, or one sample of its key; places in pixels."""

    width: int | float
    fill: str
    line: str
    is_dashed: bool
    """Whether the operation has no expansion."""

    name: str
    title: str = ""
    top: int = 1


@dataclass(frozen=True, kw_only=True)
class Column:
    """One block of a drawing."""

    middle: int
    """Pixels from the left."""

    title: str
    notes: tuple[str, ...]
    bars: tuple[Bar, ...]
    arrow: str
    """The SVG path from the last layer up to the first of the next column."""


@dataclass(frozen=True)
class Key:
    """The meaning of colours and widths on a page."""

    kernels: tuple[Option | None, ...]
    """Kernel sizes in use, ascending; None, last, for operations without one."""

    expansions: tuple[float | None, ...]
    """Expansion ratios in use, ascending; None, last, for operations without one."""

    @staticmethod
    def of(operations: Sequence[Operation]) -> "Key":
        """Return the key of all operations on a page."""
        kernels = {operation.option("kernel") for operation in operations}
        expansions = {expansion_of(operation) for operation in operations}
        return Key(
            tuple(sorted(kernels, key=lambda kernel: (kernel is None, str(type(kernel)), kernel or 0))),
            tuple(sorted(expansions, key=lambda ratio: (ratio is None, ratio or 0))),
        )

    def colors(self, kernel: Option | None) -> tuple[str, str]:
        """Return fill and outline for a kernel size."""
        position = self.kernels.index(kernel) % len(TINTS)
        return NO_KERNEL if kernel is None else (TINTS[position], LINES[position])

    def width(self, expansion: float | None) -> float:
        """Return the width of a bar in pixels: it grows with the expansion and always holds a short name."""
        known = [ratio for ratio in self.expansions if ratio is not None]
        return float(BAR) if expansion is None else NARROW + (BAR - NARROW) * expansion / max(known)


def draw(architecture: Architecture, others: Sequence[Architecture] = (), *, name: str = "") -> Markup:
    """Return the network as an inline SVG that scales with its column; `name` is that of the search, for screen readers.

    Operations may have any name, with or without kernel and expansion. The `others` are drawn on the same page; all share
    the colours of kernels and the scale of expansions.
    """
    key = Key.of(operations_of([architecture, *others]))
    stages = titled_stages(architecture)
    step, middles = columns_of(len(stages))
    first_widths = [*(key.width(expansion_of(stage.path.operations[0])) for _, stage in stages[1:]), BAR]
    columns = [
        Column(
            middle=middle,
            title=title,
            notes=(f"{stage.path.width} channels", f"stride {stage.stride}"),
            bars=tuple(bar_of(layer, operation, key) for layer, operation in enumerate(stage.path.operations)),
            arrow=_arrow(middle, following - width / 2, stage, key),
        )
        for (title, stage), middle, following, width in zip(stages, middles, middles[1:], first_widths, strict=False)
    ]
    spoken = f"Architecture {name}: {architecture.text}".replace(" :", ":")
    size = {"width": step * len(middles), "height": HEAD_ROOM + ROW * max(stage.path.depth for _, stage in stages)}
    place = {"bar": BAR, "thick": THICK, "row": ROW, "head_room": HEAD_ROOM, "wire": WIRE, "head_middle": middles[-1]}
    return render("drawing", columns=columns, spoken=spoken, head=head_note(architecture.head), **size, **place)


def titled_stages(architecture: Architecture) -> list[tuple[str, Stage]]:
    """Return the stages of a network with the titles of their columns."""
    blocks = enumerate(architecture.blocks, start=1)
    return [("Stem", stage) for stage in architecture.stem] + [(f"Block {number}", stage) for number, stage in blocks]


def columns_of(number: int) -> tuple[int, list[int]]:
    """Return the distance of columns and the middle of each, in pixels, for so many stages and a head.

    >>> columns_of(2)
    (150, [75, 225, 375])
    """
    step = min(COLUMN[1], max(COLUMN[0], PAGE // (number + 1)))
    return step, [step * position + step // 2 for position in range(number + 1)]


def head_note(head: Head) -> str:
    """Return the words under the title of the head."""
    return f"{head.width} channels" if head.width else "layer norm" if head.kind == "norm" else "no convolution"


def legend(operations: Sequence[Operation]) -> Markup:
    """Return the key of drawings of these operations: colour per kernel, bar width per expansion."""
    key = Key.of(operations)
    bars: list[Bar] = []
    for kernel in key.kernels:
        name = "no kernel option" if kernel is None else f"kernel {kernel} \u00d7 {kernel}"
        fill, line = key.colors(kernel)
        bars.append(Bar(width=26, fill=fill, line=line, is_dashed=False, name=name))
    titles = ((EXPANSION, "expansion"), (MLP_RATIO, "MLP ratio"))
    used = [title for option, title in titles if any(each.option(option) is not None for each in operations)]
    title = " or ".join(used) or "expansion"
    for ratio in key.expansions:
        name = f"no {title} option" if ratio is None else f"{title} {ratio:g}"
        bars.append(Bar(width=round(key.width(ratio)), fill="#ffffff", line=WIRE, is_dashed=ratio is None, name=name))
    return render("legend", bars=bars)


def operations_of(architectures: Sequence[Architecture]) -> list[Operation]:
    """Return the operations of several networks, each as often as it occurs."""
    return [operation for network in architectures for operation in network.operations]


def expansion_of(operation: Operation) -> float | None:
    """Return the expansion ratio of an operation or of its MLP, or None where it has no such option.

    >>> expansion_of(Operation.of("mb6_k3", kind="mbconv", expansion=6)), expansion_of(Operation.of("id", kind="own"))
    (6.0, None)
    """
    value = operation.option(EXPANSION, operation.option(MLP_RATIO))
    return float(value) if isinstance(value, int | float) and value > 0 else None


def bar_of(layer: int, operation: Operation, key: Key) -> Bar:
    """Return the bar of an operation as the layer at a position, counted from 0."""
    expansion = expansion_of(operation)
    fill, line = key.colors(operation.option("kernel"))
    options = "".join(f", {option} {value}" for option, value in operation.options)
    name = operation.name
    return Bar(
        width=key.width(expansion),
        fill=fill,
        line=line,
        is_dashed=expansion is None,
        name=name if len(name) <= MAX_LETTERS else name[: MAX_LETTERS - 1] + "\u2026",
        title=f"{name}: {operation.kind}{options}",
        top=HEAD_ROOM + layer * ROW,
    )


def _arrow(middle: int, target: float, stage: Stage, key: Key) -> str:
    """Return the path from the last layer of a column up to the first of the next."""
    last = HEAD_ROOM + (stage.path.depth - 1) * ROW + THICK // 2
    first, turn, end = HEAD_ROOM + THICK // 2, middle + BAR / 2 + 11, target - 2
    start = middle + key.width(expansion_of(stage.path.operations[-1])) / 2
    return f"M{start:.1f} {last}H{turn:.1f}V{first}H{end:.1f}m-5 -3.5l5 3.5l-5 3.5"
