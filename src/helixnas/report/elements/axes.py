"""Axes: from values to places between 0 and 1, with few round ticks that have room on a telephone."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

MARGIN = 0.05
"""Share of the range that is left free at both ends."""

Number = float | int
Value = Number | str
"""A number, or the name of a category."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a panel asks of one of its axes; the range is that of the values where none is given."""

    title: str = ""
    range: tuple[Number, Number] | None = None
    """First and last value; the larger one first turns the axis round."""

    ticks: Mapping[int, str] | Mapping[float, str] | None = None
    """Labels by value, in place of round numbers."""

    categories: Sequence[str] = ()
    """Names in order, for values that are names."""

    is_log: bool = False
    is_percent: bool = False
    is_whole: bool = False
    """Whether ticks between whole numbers make no sense."""

    from_zero: bool = False
    most_ticks: int = 5


@dataclass(frozen=True, kw_only=True)
class Axis:
    """A placed axis."""

    title: str
    low: Number
    high: Number
    is_log: bool
    ticks: tuple[tuple[Number, str], ...]
    """Values with their labels."""

    categories: tuple[str, ...] = ()

    def place(self, value: Value) -> float:
        """Return the place of a value, 0 at the beginning of the axis and 1 at its end.

        >>> axis_over([0.0, 10.0], Wanted(range=(0, 10))).place(2.5)
        0.25
        """
        if isinstance(value, str):
            return (self.categories.index(value) + 0.5) / len(self.categories)
        low, high = (math.log10(self.low), math.log10(self.high)) if self.is_log else (self.low, self.high)
        at = math.log10(max(value, 1e-300)) if self.is_log else value
        return (at - low) / (high - low)


def axis_over(values: Iterable[Value], wanted: Wanted) -> Axis:
    """Return an axis that holds all finite values, as wanted."""
    if wanted.categories:
        names = tuple(wanted.categories)
        places = tuple((float(number), name) for number, name in enumerate(names))
        return Axis(title=wanted.title, low=0.0, high=1.0, is_log=False, ticks=places, categories=names)
    numbers = [float(value) for value in values if not isinstance(value, str) and math.isfinite(value)]
    numbers = [value for value in numbers if value > 0] if wanted.is_log else numbers
    low, high = wanted.range or _around(numbers, wanted)
    if wanted.ticks is not None:
        ticks = list(wanted.ticks.items())
    else:
        inside = min(low, high), max(low, high)
        places = log_ticks(*inside) if wanted.is_log else round_ticks(*inside, wanted.most_ticks, whole=wanted.is_whole)
        ticks = [(place, tick_text(place, places, is_percent=wanted.is_percent)) for place in places]
    return Axis(title=wanted.title, low=low, high=high, is_log=wanted.is_log, ticks=tuple(ticks))


def round_ticks(low: Number, high: Number, most: int, *, whole: bool = False) -> list[float]:
    """Return at most so many multiples of 1, 2 or 5 times a power of ten inside a range.

    >>> round_ticks(0.0, 1.0, 5), round_ticks(-3.0, 12.0, 5)
    ([0.0, 0.5, 1.0], [0.0, 5.0, 10.0])
    """
    power = math.floor(math.log10((high - low) / most))
    for step in (digit * 10.0**exponent for exponent in (power, power + 1) for digit in (1, 2, 5)):
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last - first < most and (step >= 1 or not whole):
            return [round(number * step, 12) for number in range(first, last + 1)]
    return []


def log_ticks(low: Number, high: Number) -> list[float]:
    """Return the labels of a logarithmic axis that do not overlap.

    >>> log_ticks(0.25, 4.0)
    [0.5, 1.0, 2.0]
    """
    decades = math.log10(high / low)
    steps = (1, 1.5, 2, 3, 4, 5, 7) if decades < 0.7 else (1, 2, 5) if decades < 3 else (1,)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [step * 10.0**power for power in powers for step in steps if low <= step * 10.0**power <= high]
    return ticks[:: -(-len(ticks) // 8)] if len(ticks) > 8 else ticks


def tick_text(value: Number, ticks: Sequence[Number], *, is_percent: bool = False) -> str:
    """Return the label of a tick, as short as it stays apart from the others.

    >>> tick_text(1_500_000, [1_000_000, 1_500_000]), tick_text(0.25, [0.25, 0.5], is_percent=True)
    ('1.5M', '25%')
    """
    if is_percent:
        return f"{100 * value:.4g}%"
    largest = max(abs(tick) for tick in ticks)
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if largest >= 10 * size or (unit != "k" and largest >= size):
            return f"{value / size:.6g}{unit}".replace("-", "\u2212") if value else "0"
    return f"{value:.6g}".replace("-", "\u2212")


def _around(numbers: Sequence[float], wanted: Wanted) -> tuple[Number, Number]:
    """Return the range of some numbers with a margin; from 1 less to 1 more of a single number."""
    low, high = (min(numbers), max(numbers)) if numbers else (0.1, 1.0)
    if wanted.is_log:
        factor = max(high / low, 1.5) ** MARGIN
        return low / factor, high * factor
    if high - low < 1e-12 * max(1.0, abs(high)):
        low, high = low - 1, high + 1
    margin = MARGIN * (high - low)
    return (0.0 if wanted.from_zero else low - margin), high + margin
