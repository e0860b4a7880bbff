"""A plot with logarithmic axes as SVG, so that a page of results needs no plotting library."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 420, 300, 62, 46, 26
COLORS = ("#00796b", "#e64a19", "#5c6bc0")


def write_plots(
    path: Path, panels: Sequence[tuple[str, str, Mapping[str, Sequence[tuple[float, float]]]]], *, y: str
) -> None:
    """Write panels side by side: title, label of the x axis, and per line its points."""
    parts = [
        f'<g transform="translate({number * WIDTH} 0)">{_panel(title, x, y, lines)}</g>'
        for number, (title, x, lines) in enumerate(panels)
    ]
    size = f'width="{WIDTH * len(panels)}" height="{HEIGHT}" viewBox="0 0 {WIDTH * len(panels)} {HEIGHT}"'
    style = 'font-family="sans-serif" font-size="12" fill="#222"'
    back = '<rect width="100%" height="100%" fill="#fff"/>'
    path.write_text(f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>{back}{"".join(parts)}</svg>\n')


def _panel(title: str, x: str, y: str, lines: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    points = [point for line in lines.values() for point in line]
    across = _axis([point[0] for point in points], LEFT, WIDTH - 14)
    up = _axis([point[1] for point in points], HEIGHT - BOTTOM, TOP)
    out = [f'<text x="{LEFT}" y="16" font-weight="bold">{title}</text>']
    out.append(f'<text x="{(LEFT + WIDTH) / 2}" y="{HEIGHT - 8}" text-anchor="middle">{x}</text>')
    out.append(f'<text transform="translate(14 {HEIGHT / 2}) rotate(-90)" text-anchor="middle">{y}</text>')
    for power, place in across[1]:
        out.append(f'<path d="M{place:.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#ddd"/>')
        out.append(f'<text x="{place:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{_tick(power)}</text>')
    for power, place in up[1]:
        out.append(f'<path d="M{LEFT} {place:.1f}H{WIDTH - 14}" stroke="#ddd"/>')
        out.append(f'<text x="{LEFT - 6}" y="{place + 4:.1f}" text-anchor="end">{_tick(power)}</text>')
    for number, (name, line) in enumerate(lines.items()):
        color = COLORS[number % len(COLORS)]
        at = [(_place(a, *across[0]), _place(b, *up[0])) for a, b in line]
        out.append(
            f'<polyline points="{" ".join(f"{a:.1f},{b:.1f}" for a, b in at)}" fill="none" stroke="{color}" '
            'stroke-width="1.6"/>'
        )
        out += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3" fill="{color}"/>' for a, b in at]
        out.append(f'<text x="{LEFT + 10}" y="{TOP + 16 + 15 * number}" fill="{color}">{name}</text>')
    return "".join(out)


def _axis(
    values: Sequence[float], start: float, end: float
) -> tuple[tuple[float, float, float, float], list[tuple[int, float]]]:
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    ends = (low, max(high, low + 1), start, end)
    return ends, [(power, _place(10.0**power, *ends)) for power in range(low, ends[1] + 1)]


def _place(value: float, low: float, high: float, start: float, end: float) -> float:
    return start + (math.log10(value) - low) / (high - low) * (end - start)


def _tick(power: int) -> str:
    return f"{10**power:,}" if 0 <= power <= 4 else f"10<tspan dy='-5' font-size='9'>{power}</tspan>"
