"""Scaling: how long the jobs of a run would take on other numbers of workers and in other sizes, from their measured times.

A job of another size is a share of the measured time of its block, in proportion to its multiply-adds, those of the
teacher's pass included. So many small jobs cost more in total than few large ones, as they do in a run.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from helixnas.artifacts.record import Record
from helixnas.artifacts.run_folder import RunFolder
from helixnas.jobs.schedule import makespan

WORKERS = (1, 2, 4, 8, 16, 32, 64)
"""Numbers of workers that are simulated."""

Seconds = Mapping[str, float]
"""Seconds by job."""


@dataclass(frozen=True, kw_only=True)
class JobSizes(Record):
    """The jobs into which a stage can be divided, written by the command that lets workers do them."""

    FORMAT: ClassVar[tuple[str, int]] = ("helixnas job sizes", 1)
    MEND: ClassVar[str] = "delete it; the report then shows no other sizes of jobs"

    stage: str
    macs: Mapping[str, Mapping[str, float]]
    """By size (block, cell, prefix), then by job: multiply-adds per image, a backward pass counted as two forward passes."""

    @staticmethod
    def file(folder: RunFolder, stage: str) -> Path:
        """Return the file of a stage."""
        return folder.jobs / f"sizes-{stage}.json"


@dataclass(frozen=True, kw_only=True)
class Simulated:
    """Stages one after the other, each with all workers, in jobs of one size."""

    size: str
    makespans: Mapping[int, float]
    """Seconds, by number of workers."""

    longest: float
    """Seconds of the longest job of every stage, summed: what no number of workers goes below."""

    def efficiency(self, num_workers: int, work: float) -> float:
        """Return the share of the workers' time that one worker would need for `work` seconds of large jobs.

        >>> Simulated(size="cell", makespans={4: 30.0}, longest=20.0).efficiency(4, 90.0)
        0.75
        """
        return work / (num_workers * self.makespans[num_workers])


def simulate(size: str, stages: Iterable[Seconds], workers: Iterable[int] = WORKERS) -> Simulated:
    """Return how long stages take whose jobs take these seconds, for every number of workers."""
    every = [list(stage.values()) for stage in stages]
    return Simulated(
        size=size,
        makespans={number: sum(makespan(stage, number) for stage in every) for number in workers},
        longest=sum(max(stage, default=0.0) for stage in every),
    )


def by_size(measured: Seconds, macs: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """Return the seconds of a stage's jobs by size, from the measured jobs of any sizes; the measured keep their times.

    Sizes that divide the stage no further than one before them, and sizes with a block of which no job was measured, are
    left out.

    >>> macs = {"block": {"rate-1": 30.0}, "cell": {"rate-1-cell-1": 20.0, "rate-1-cell-2": 20.0}}
    >>> by_size({"rate-1": 3.0}, macs)
    {'block': {'rate-1': 3.0}, 'cell': {'rate-1-cell-1': 2.0, 'rate-1-cell-2': 2.0}}
    """
    known = {job: amount for jobs in macs.values() for job, amount in jobs.items()}
    seconds, amounts = dict[str, float](), dict[str, float]()
    for job, taken in measured.items():
        if job in known:
            seconds[_block(job)] = seconds.get(_block(job), 0.0) + taken
            amounts[_block(job)] = amounts.get(_block(job), 0.0) + known[job]
    found: dict[str, dict[str, float]] = {}
    for size, jobs in macs.items():
        if any(set(jobs) == set(other) for other in found.values()) or any(_block(job) not in seconds for job in jobs):
            continue
        found[size] = {
            job: measured.get(job, amount * seconds[_block(job)] / amounts[_block(job)]) for job, amount in jobs.items()
        }
    return found


def _block(job: str) -> str:
    """Return the part of a job's name that names stage and block."""
    found = re.match(r"[a-z]+-\d+", job)
    return found[0] if found else job
