"""How the jobs of a run would scale: simulated schedules of the measured times for 1 to 64 workers."""

from collections.abc import Sequence
from dataclasses import dataclass

from helixnas.engine.timing import duration
from helixnas.jobs.scaling import WORKERS, Simulated, by_size, simulate
from helixnas.report.elements.charts import Chart
from helixnas.report.elements.colors import INK, color_of
from helixnas.report.elements.marks import Marks
from helixnas.report.workers.measured import StageJobs, unit_of

AS_RUN = "as run"
"""Name of the jobs of a run that does not say what other sizes would hold."""

WORTH_IT = 0.7
"""Efficiency from which a number of workers is called well used."""


@dataclass(frozen=True)
class Scaling:
    """Simulated schedules of all stages, by size of the jobs."""

    sizes: tuple[Simulated, ...]
    work: float
    """Seconds that one worker would need, in the largest jobs."""

    @property
    def unit(self) -> str:
        """The unit of the times in the table."""
        return unit_of(self.work)[1]

    @property
    def head(self) -> list[str]:
        """Titles of the columns."""
        return ["workers", *(one.size if one.size == AS_RUN else f"by {one.size}" for one in self.sizes)]

    @property
    def rows(self) -> list[list[str]]:
        """The time and the efficiency for every number of workers, and the longest jobs."""
        size = unit_of(self.work)[0]
        found = [[str(number), *(self._cell(one, number, size) for one in self.sizes)] for number in WORKERS]
        return [*found, ["longest jobs", *(f"{one.longest / size:.3g}" for one in self.sizes)]]

    def _cell(self, one: Simulated, number: int, size: float) -> str:
        return f"{one.makespans[number] / size:.3g} ({100 * one.efficiency(number, self.work):.0f} %)"

    @property
    def verdict(self) -> str:
        """The largest number of workers that is well used, and what bounds more of them."""
        best = max(self.sizes, key=lambda one: (self._used(one), -one.longest))
        number, first = self._used(best), self.sizes[0]
        where = "" if best.size == AS_RUN else f" in jobs by {best.size}"
        least = min(best.makespans.values())
        bound = f"no number of workers goes below {duration(round(best.longest, 1))}, the longest jobs of the stages"
        return (
            f"One worker needs {duration(round(first.makespans[1], 1))}. Up to {number} workers are used to at least "
            f"{100 * WORTH_IT:.0f} %{where}, and then take {duration(round(best.makespans[number], 1))}; {bound}"
            + ("." if least <= 1.001 * best.longest else f", and 64 take {duration(round(best.makespans[64], 1))}.")
        )

    def _used(self, one: Simulated) -> int:
        return max(number for number in WORKERS if number == 1 or one.efficiency(number, self.work) >= WORTH_IT)

    def chart(self) -> Chart:
        """Return how many times as fast as one worker each number of workers is."""
        chart = Chart(height=260)
        ideal = [float(number) for number in WORKERS]
        chart.add(Marks(x=ideal, y=ideal, color=INK, line=1, dash="dot", name="all workers always busy"))
        for position, one in enumerate(self.sizes):
            speeds = [self.work / one.makespans[number] for number in WORKERS]
            texts = [
                f"{number} workers: {speed:.1f} times as fast" for number, speed in zip(WORKERS, speeds, strict=True)
            ]
            name = one.size if one.size == AS_RUN else f"by {one.size}"
            chart.add(Marks(x=ideal, y=speeds, color=color_of(position), line=2, size=7, titles=texts, name=name))
        labels = {float(number): str(number) for number in WORKERS}
        chart.x(title="workers", is_log=True, ticks=labels, range=(0.9, 71.0))
        chart.y(title="times as fast as one worker", is_log=True, ticks=labels)
        return chart


def scaling_of(stages: Sequence[StageJobs]) -> Scaling | None:
    """Return the simulated schedules of stages whose jobs are all done, one stage after the other; None if none is.

    A stage that is not divided so finely has its next larger jobs, one whose sizes are not known the jobs that it had.
    """
    done = [stage for stage in stages if stage.is_complete]
    if not done:
        return None
    known = [by_size(stage.seconds, stage.macs) or {AS_RUN: stage.seconds} for stage in done]
    order = max(known, key=len)
    found = tuple(simulate(size, [_of_size(sizes, size, list(order)) for sizes in known]) for size in order)
    return Scaling(found, found[0].makespans[1])


def _of_size(sizes: dict[str, dict[str, float]], size: str, order: Sequence[str]) -> dict[str, float]:
    """Return the jobs of a size, of the next larger one, or those that there are."""
    larger = [each for each in order[: order.index(size) + 1] if each in sizes]
    return sizes[larger[-1]] if larger else next(iter(sizes.values()))
