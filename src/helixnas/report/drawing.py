"""An architecture as a picture: a column per block, a bar per layer; width is expansion, colour is kernel.

Drawn as SVG by hand, because a plotting library knows axes, not networks.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from helixnas.report.markup import text
from helixnas.space import Architecture, Operation, Stage
from helixnas.space.operation import Option

BAR, NARROW = 92, 42
"""Pixels: the width of the bar with the largest expansion, and what every bar has whatever its expansion."""

PAGE, COLUMN, ROW, THICK, HEAD_ROOM = 940, (117, 150), 30, 22, 56
"""Pixels: the page's column; the least and the most between two columns of the drawing; between layers; a bar."""

TINTS = ("#cfe3f5", "#fbdcb8", "#c9ead9", "#ecd0e6", "#efe3a9", "#f6cfc9")
LINES = ("#0b62a8", "#b85c00", "#12805c", "#a3458c", "#8a6d00", "#c0392b")
NO_KERNEL = ("#eceff2", "#6b7580")
WIRE = "#6b7580"
MAX_LETTERS = 13


def draw(architecture: Architecture, others: Sequence[Architecture] = (), *, name: str = "") -> str:
    """Return the network as an inline SVG that scales with its column.

    Args:
        architecture: what to draw; operations may have any name, with or without kernel and expansion.
        others: drawn on the same page; kernels get the same colours and expansions the same scale.
        name: of the search, for people who hear the page.
    """
    key = Key.of([architecture, *others])
    columns = [
        *[("Stem", stage) for stage in architecture.stem],
        *[(f"Block {number}", stage) for number, stage in enumerate(architecture.blocks, start=1)],
    ]
    step = min(COLUMN[1], max(COLUMN[0], PAGE // (len(columns) + 1)))
    width = step * (len(columns) + 1)
    height = HEAD_ROOM + ROW * max(stage.path.depth for _, stage in columns)
    parts = [_column(step * i + step // 2, title, stage, key) for i, (title, stage) in enumerate(columns)]
    following = [*(key.width(expansion_of(stage.path.operations[0])) for _, stage in columns[1:]), BAR]
    for i, (_, stage) in enumerate(columns):
        parts.append(_arrow(step * i + step // 2, step * (i + 1) + step // 2 - following[i] / 2, stage, key))
    parts.append(_head(step * len(columns) + step // 2, architecture.head.width))
    spoken = text(f"Architecture {name}: {architecture.text}".replace(" :", ":"))
    return (
        f'<svg class="net" role="img" aria-label="{spoken}" viewBox="0 0 {width} {height}" '
        f'style="max-width:{width}px" xmlns="http://www.w3.org/2000/svg">{"".join(parts)}</svg>'
    )


def legend(architectures: Sequence[Architecture]) -> str:
    """Return the key of the drawings: colour per kernel, bar width per expansion."""
    key = Key.of(architectures)
    items: list[str] = []
    for kernel in key.kernels:
        title = "no kernel option" if kernel is None else f"kernel {kernel} \u00d7 {kernel}"
        items.append(_swatch(26, *key.colors(kernel), title))
    for expansion in key.expansions:
        title = "no expansion option" if expansion is None else f"expansion {expansion:g}"
        items.append(_swatch(round(key.width(expansion)), "#ffffff", "#6b7580", title, dashed=expansion is None))
    return f'<p class="key">{"".join(items)}</p>\n'


@dataclass(frozen=True)
class Key:
    """What colours and widths mean on a page."""

    kernels: tuple[Option | None, ...]
    """Kernel sizes in use, ascending; None, last, for operations without one."""

    expansions: tuple[float | None, ...]
    """Expansion ratios in use, ascending; None, last, for operations without one."""

    @staticmethod
    def of(architectures: Sequence[Architecture]) -> "Key":
        """Return the key of everything that some networks use."""
        operations = [operation for network in architectures for operation in network.operations]
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


def expansion_of(operation: Operation) -> float | None:
    """Return the expansion ratio of an operation, or None where it has no such option.

    >>> expansion_of(Operation.of("mb6_k3", kind="mbconv", expansion=6)), expansion_of(Operation.of("id", kind="own"))
    (6.0, None)
    """
    value = operation.option("expansion")
    return float(value) if isinstance(value, int | float) and value > 0 else None


def _column(middle: int, title: str, stage: Stage, key: Key) -> str:
    parts = [_words(middle, 14, title, "title"), _words(middle, 29, f"{stage.path.width} channels", "under")]
    parts.append(_words(middle, 43, f"stride {stage.stride}", "under"))
    for layer, operation in enumerate(stage.path.operations):
        expansion, top = expansion_of(operation), HEAD_ROOM + layer * ROW
        fill, line = key.colors(operation.option("kernel"))
        wide, dashes = key.width(expansion), ' stroke-dasharray="4 3"' if expansion is None else ""
        options = "".join(f", {option} {value}" for option, value in operation.options)
        parts.append(
            f"<g><title>{text(f'{operation.name}: {operation.kind}{options}')}</title>"
            f'<rect x="{middle - wide / 2:.1f}" y="{top}" width="{wide:.1f}" height="{THICK}" rx="3" fill="{fill}" '
            f'stroke="{line}"{dashes}/>{_words(middle, top + 15, _short(operation.name), "layer")}</g>'
        )
        if layer:
            parts.append(f'<path d="M{middle} {top}v{THICK - ROW}" stroke="{WIRE}" stroke-width="1.2"/>')
    return "".join(parts)


def _head(middle: int, width: int) -> str:
    under = f"{width} channels" if width else "no convolution"
    words = _words(middle, 14, "Head", "title") + _words(middle, 29, under, "under")
    x, y = middle - BAR // 2, HEAD_ROOM
    box = f'<rect x="{x}" y="{y}" width="{BAR}" height="{THICK}" rx="3" fill="#ffffff" stroke="{WIRE}"/>'
    return words + box + _words(middle, y + 15, "pool, linear", "layer")


def _arrow(middle: int, target: float, stage: Stage, key: Key) -> str:
    """Draw the way from the last layer of a column up to the first of the next."""
    last = HEAD_ROOM + (stage.path.depth - 1) * ROW + THICK // 2
    first, turn, end = HEAD_ROOM + THICK // 2, middle + BAR / 2 + 11, target - 2
    start = middle + key.width(expansion_of(stage.path.operations[-1])) / 2
    way = f"M{start:.1f} {last}H{turn:.1f}V{first}H{end:.1f}m-5 -3.5l5 3.5l-5 3.5"
    return f'<path d="{way}" fill="none" stroke="{WIRE}" stroke-width="1.2"/>'


def _words(x: int, y: int, words: str, kind: str) -> str:
    return f'<text x="{x}" y="{y}" text-anchor="middle" class="{kind}">{text(words)}</text>'


def _short(name: str) -> str:
    return name if len(name) <= MAX_LETTERS else name[: MAX_LETTERS - 1] + "\u2026"


def _swatch(wide: int, fill: str, line: str, words: str, *, dashed: bool = False) -> str:
    dashes = ' stroke-dasharray="4 3"' if dashed else ""
    box = f'<rect x="1" y="1" width="{wide}" height="12" rx="3" fill="{fill}" stroke="{line}"{dashes}/>'
    return f'<span><svg width="{wide + 2}" height="14" aria-hidden="true">{box}</svg>{text(words)}</span>'
