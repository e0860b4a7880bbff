"""The measured jobs of a run: the leases of each divided stage that belong to its results."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from helixnas.artifacts.run_folder import RunFolder
from helixnas.errors import ArtifactError
from helixnas.jobs.lease import Lease, leases_of
from helixnas.jobs.scaling import JobSizes
from helixnas.report.reading import RunFiles

TITLES = {"distill": "Distillation", "rate": "Rating", "calibrate": "Calibration"}
"""Stages that are divided into jobs, in order."""


@dataclass(frozen=True)
class StageJobs:
    """The jobs of one stage."""

    stage: str
    leases: tuple[Lease, ...]
    macs: Mapping[str, Mapping[str, float]]
    """Multiply-adds of the jobs of every size; empty where they are not known."""

    @property
    def seconds(self) -> dict[str, float]:
        """Seconds of every job that is done, all its attempts together."""
        return {lease.job: lease.seconds for lease in self.leases if lease.state == "done"}

    @property
    def is_complete(self) -> bool:
        """Whether all jobs are done, as far as is known."""
        done = set(self.seconds)
        return bool(done) and all(lease.state == "done" for lease in self.leases)


def stage_jobs(run: RunFiles) -> list[StageJobs]:
    """Return the stages of a run that workers did as jobs, or began to."""
    folder = RunFolder(run.folder)
    every, found = leases_of(folder), list[StageJobs]()
    for stage in TITLES:
        own = _of_results(run, stage, [lease for lease in every if lease.job.startswith(f"{stage}-")])
        if own:
            found.append(StageJobs(stage, tuple(own), _macs(folder, stage)))
    return found


def _of_results(run: RunFiles, stage: str, leases: Sequence[Lease]) -> list[Lease]:
    """Return the leases of the finished stage, or of the attempt that is the last while it is not finished."""
    if not leases:
        return []
    finished = run.record.stages.get(stage)
    key = max(leases, key=lambda lease: lease.began).key if finished is None else finished.key
    return [lease for lease in leases if lease.key == key]


def _macs(folder: RunFolder, stage: str) -> Mapping[str, Mapping[str, float]]:
    file = JobSizes.file(folder, stage)
    if not file.is_file():
        return {}
    try:
        return JobSizes.load(file).macs
    except ArtifactError:
        return {}  # the page does not depend on it


def unit_of(seconds: float) -> tuple[float, str]:
    """Return the seconds of a unit that suits times of this size, and its name.

    >>> unit_of(90.0), unit_of(7200.0)
    ((1.0, 'seconds'), (3600.0, 'hours'))
    """
    units = ((3600.0, "hours"), (60.0, "minutes"))
    return next((each for each in units if seconds >= 2 * each[0]), (1.0, "seconds"))
