"""A made run whose stages were done as jobs."""

from collections.abc import Callable
from typing import Any

import pytest

from helixnas.artifacts.run_folder import RunFolder
from helixnas.jobs.lease import Attempt, Lease
from helixnas.jobs.scaling import JobSizes

MACS = {
    "block": {"distill-1": 14.0, "distill-2": 30.0},
    "cell": {"distill-1-cell-1": 8.0, "distill-1-cell-2": 10.0, "distill-2-cell-1": 17.0, "distill-2-cell-2": 17.0},
}


def _lease(job: str, began: float, ended: float, *earlier: Attempt, **others: Any) -> Lease:
    """A lease of the made run; times are seconds after its beginning."""
    given: dict[str, Any] = {"host": "here", "process": 7, "state": "done", "key": "k", **others}
    return Lease(job=job, began=1e9 + began, heartbeat=1e9 + ended, earlier=earlier, process_began=1.0, **given)


def _lost(began: float, ended: float, host: str = "here") -> Attempt:
    """An attempt whose worker was lost."""
    return Attempt(worker=f"process 6 on {host}", host=host, began=1e9 + began, ended=1e9 + ended, state="lost")


@pytest.fixture
def lease() -> Callable[..., Lease]:
    """Return a function that makes the lease of a job, from when to when."""
    return _lease


@pytest.fixture
def lost() -> Callable[..., Attempt]:
    """Return a function that makes an attempt whose worker was lost."""
    return _lost


@pytest.fixture
def macs() -> dict[str, dict[str, float]]:
    """Multiply-adds of the jobs of the made run."""
    return MACS


@pytest.fixture
def worked(begin: Callable[..., Any]) -> Any:
    """A run of two blocks that were distilled on two workers, with sizes of jobs, and rated on one without."""
    run = begin()
    run.distill()
    run.finish("rate")
    folder = RunFolder(run.folder)
    JobSizes(stage="distill", macs=MACS).save(JobSizes.file(folder, "distill"))
    leases = [
        _lease("distill-1", 0, 70),
        _lease("distill-2", 60, 150, _lost(0, 60)),
        _lease("rate-1", 200, 210),
        _lease("rate-2", 210, 230),
        _lease("distill-1-cell-2", 0, 500, key="older settings"),
    ]
    for each in leases:
        each.save(folder.lease(each.job))
    return run
