"""Which worker had which job when: a bar per attempt, a lane per worker."""

from collections.abc import Sequence

from helixnas.engine.timing import duration
from helixnas.jobs.lease import Attempt, Lease
from helixnas.jobs.schedule import lanes
from helixnas.report.elements.charts import Chart
from helixnas.report.elements.colors import GREY, color_of
from helixnas.report.elements.marks import Bars
from helixnas.report.workers.measured import TITLES, StageJobs, unit_of

HALF = 0.42
"""Half the height of a bar, in lanes."""

GAP = 0.003
"""Width of the gap after a bar, relative to the panel, so that jobs of one block stay apart."""

ROOM, LANE, MOST_PIXELS = 30, 24, 420
"""Pixels of a panel: at least, per lane, and at most."""

MOST_LABELS = 12
"""Numbers of lanes that are written."""

UNFINISHED = "attempt that did not finish"


def gantt(stages: Sequence[StageJobs]) -> Chart:
    """Return a panel per stage with its attempts; a job is coloured by its block, an attempt that did not finish is grey."""
    placed = [_placed(stage.leases) for stage in stages]
    most = max(1 + max(lane for _, _, lane in each) for each in placed)
    chart = Chart([TITLES[stage.stage] for stage in stages], height=min(MOST_PIXELS, ROOM + LANE * most))
    for panel, each in enumerate(placed):
        _draw(chart, panel, each)
    return chart


def num_lanes(leases: Sequence[Lease]) -> int:
    """Return how many workers had a job at one moment, at most."""
    return 1 + max(lane for _, _, lane in _placed(leases))


def _placed(leases: Sequence[Lease]) -> list[tuple[str, Attempt, int]]:
    """Return job, attempt and lane of every attempt; the workers of a machine have lanes side by side."""
    every = [(lease.job, attempt) for lease in leases for attempt in lease.attempts]
    found, first = list[tuple[str, Attempt, int]](), 0
    for host in dict.fromkeys(attempt.host for _, attempt in every):
        own = [(job, attempt) for job, attempt in every if attempt.host == host]
        taken = lanes([(attempt.began, max(attempt.began, attempt.ended)) for _, attempt in own])
        found += [(job, attempt, first + lane) for (job, attempt), lane in zip(own, taken, strict=True)]
        first += 1 + max(taken)
    return found


def _draw(chart: Chart, panel: int, placed: Sequence[tuple[str, Attempt, int]]) -> None:
    begin = min(attempt.began for _, attempt, _ in placed)
    end = max(attempt.ended for _, attempt, _ in placed)
    size, unit = unit_of(end - begin)
    number = 1 + max(lane for _, _, lane in placed)
    for job, attempt, lane in placed:
        middle = number - lane  # the first lane is at the top
        left, right = ((each - begin) / size for each in (attempt.began, max(attempt.began, attempt.ended)))
        gap = min(GAP * (end - begin) / size, (right - left) / 2)
        chart.add(
            Bars(
                edges=[left, right - gap],
                bottom=[middle - HALF],
                top=[middle + HALF],
                color=_color(job, attempt),
                titles=[f"{job}: {_state(attempt)}, {duration(attempt.seconds)}, {attempt.worker}"],
            ),
            panel,
        )
    step = -(-number // MOST_LABELS)
    chart.x(panel, title=f"{unit} after the first job began", range=(0.0, max((end - begin) / size, 1e-3)))
    labels = {float(number - lane): str(lane + 1) for lane in range(0, number, step)}
    chart.y(panel, title="worker", range=(0.5, number + 0.5), ticks=labels)
    named = {_part(job): color_of(_part(job)[1] - 1) for job, attempt, _ in placed if _is_finished(attempt)}
    chart.keys[panel] = [
        (f"{noun} {number}" if noun == "block" else noun, named[noun, number]) for noun, number in sorted(named)
    ]
    if not all(_is_finished(attempt) for _, attempt, _ in placed):
        chart.keys[panel].append((UNFINISHED, GREY))


def _is_finished(attempt: Attempt) -> bool:
    """Whether a bar has its block's colour: the job was done, or its worker is at it."""
    return attempt.state in ("done", "running")


def _color(job: str, attempt: Attempt) -> str:
    return color_of(_part(job)[1] - 1) if _is_finished(attempt) else GREY


def _part(job: str) -> tuple[str, int]:
    """Return what the colour of a job stands for: its block, or that it trains a network.

    >>> _part("rate-3-cell-1"), _part("calibrate-7")
    (('block', 3), ('network', 1))
    """
    stage, number = job.split("-")[:2]
    return ("network", 1) if stage == "calibrate" else ("block", int(number))


def _state(attempt: Attempt) -> str:
    return "at work" if attempt.state == "running" else attempt.state
