"""Hours of every stage on some devices: one after the other, in jobs of blocks or networks, or with batches shared by torchrun.

Jobs are scheduled as `helixnas.jobs.schedule` does, so the longest block bounds them; every job runs the teacher
itself. Shared work is assumed to scale without loss, which no device does: their time is a lower bound.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from helixnas.jobs.schedule import makespan
from helixnas.pipeline.hardware.measured import MeasuredThroughput
from helixnas.pipeline.plan import plan
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.stage import ForwardTimes, Stage

SHARED_BATCHES = ("teacher", "distill", "retrain", "inherit")
"""Stages whose batches several processes share under torchrun; of rating, each does some paths on all images."""

AFTER_THE_SEARCH = ("retrain", "inherit")
"""Stages that are no part of a search."""

PAPER = {
    "imagenet-dna": "the paper reports 8.5 GPU-days for a search (Table 7); 3 days on 8 GTX 2080 Ti for a supernet with several "
    "cells a block, 1 day with one cell a block, and 0.6 GPU-days to rate"
}
"""By recipe, what the paper says that its search took."""


@dataclass(frozen=True)
class Span:
    """Least and largest estimated seconds."""

    low: float
    high: float

    def text(self) -> str:
        """Return the range in the unit that suits it, with two digits.

        >>> Span(3600.0, 9000.0).text(), Span(5.25, 5.25).text(), Span(0.0, 0.0).text()
        ('1 to 2.5 h', '5.2 s', '0 s')
        """
        units = ((3600.0, "h"), (60.0, "min"), (1.0, "s"))
        size, unit = next((each for each in units if self.high >= each[0]), units[-1])
        return f"{ends_text(self.low / size, self.high / size)} {unit}"


def ends_text(low: float, high: float) -> str:
    """Return a range, or its one value, with two significant digits and without exponents.

    >>> ends_text(1234.0, 12600.0), ends_text(0.0000123, 0.0000123), ends_text(0.0, 0.0)
    ('1,200 to 13,000', '0.000012', '0')
    """
    ends = [low, high] if high > low else [high]
    return " to ".join(f"{Decimal(f'{each:.2g}'):,f}" for each in ends)


@dataclass(frozen=True, kw_only=True)
class Basis:
    """What a stage's seconds are computed from."""

    times: ForwardTimes
    """Seconds, or multiply-adds where the throughput is measured by kind of stage."""

    per_unit: Callable[[str], float]
    """(stage) -> seconds per unit of `times`."""

    factors: tuple[float, float] = (1.0, 1.0)
    """Least and largest factor of the seconds."""


def basis_of(measured: MeasuredThroughput, macs: ForwardTimes) -> Basis:
    """Return the basis of a measured device."""
    return Basis(times=macs, per_unit=lambda stage: 1 / measured.speed(stage))


@dataclass(frozen=True, kw_only=True)
class StageHours:
    """The seconds of one stage in every way in which it can be run."""

    name: str
    alone: Span
    """On one device."""

    jobs: Span
    """On all devices, blocks, or networks of calibration, as jobs; as on one where the stage is not divided."""

    together: Span
    """On all devices, batches shared; as on one where the stage does not share them."""

    is_search: bool
    """Whether it is a part of the search."""


WAYS = ("alone", "jobs", "together")


def stage_hours(recipe: Recipe, basis: Basis, number: int, *, is_divided: bool) -> list[StageHours]:
    """Return the times of all stages of a recipe that take long, in order, on so many devices.

    `is_divided` says whether blocks may be distilled alone (`reason_not_to_divide`).
    """
    found: list[StageHours] = []
    for one in plan(recipe.to_dict()):
        stage = one.stage
        if stage.seconds is None:
            continue
        alone = _seconds(stage, recipe, basis, basis.times)
        if alone <= 0:
            continue
        jobs = together = alone
        if stage.work_on_part is not None and (is_divided or stage.name != "distill"):
            jobs = makespan(_jobs(stage, recipe, basis), number)
        if stage.name in SHARED_BATCHES:
            together = alone / number
        elif stage.name == "rate":
            share = replace(basis.times, rating=basis.times.rating / number)
            together = _seconds(stage, recipe, basis, share)
        spans = {way: _span(each, basis) for way, each in zip(WAYS, (alone, jobs, together), strict=True)}
        found.append(StageHours(name=one.name, is_search=stage.name not in AFTER_THE_SEARCH, **spans))
    return found


def total(spans: Iterable[Span]) -> Span:
    """Return the sum of some times."""
    every = list(spans)
    return Span(sum(each.low for each in every), sum(each.high for each in every))


def shortest(hours: Sequence[StageHours], *, of_search: bool = False) -> Span:
    """Return the time of all stages, or those of the search, in the way that is the shorter for each."""
    chosen = [each for each in hours if each.is_search or not of_search]
    return total(min((each.alone, each.jobs, each.together), key=lambda span: span.high) for each in chosen)


def _jobs(stage: Stage, recipe: Recipe, basis: Basis) -> list[float]:
    """Return the seconds of a stage's jobs: its networks, or blocks that each run the teacher."""
    if stage.name == "calibrate":
        networks = recipe.calibration.num_networks
        return [_seconds(stage, recipe, basis, basis.times) / networks] * networks
    return [_seconds(stage, recipe, basis, each) for each in basis.times.of_blocks]


def _seconds(stage: Stage, recipe: Recipe, basis: Basis, times: ForwardTimes) -> float:
    assert stage.seconds is not None
    return basis.per_unit(stage.name) * stage.seconds(recipe, times)


def _span(seconds: float, basis: Basis) -> Span:
    low, high = basis.factors
    return Span(low * seconds, high * seconds)
