"""The section of workers: absent without jobs, in words with them, and a page that holds together."""

from collections.abc import Callable
from typing import Any

from helixnas.artifacts.run_folder import RunFolder
from helixnas.report import build_report
from helixnas.report.reading import read_run
from helixnas.report.workers.section import workers_section

Make = Callable[..., Any]


def test_a_run_without_jobs_has_no_section(begin: Make, lease: Make) -> None:
    run = begin()
    assert workers_section(read_run(run.folder)) is None
    lease("bench-3", 0, 1).save(RunFolder(run.folder).lease("bench-3"))
    assert workers_section(read_run(run.folder)) is None


def test_what_ran_is_told_and_drawn(worked: Any) -> None:
    made = workers_section(read_run(worked.folder))
    assert made is not None
    assert (
        "Distillation: 2 jobs on 2 workers in 2 min 30 s, which were busy 73 % of the time. 1 attempt did not"
        in made.body
    )
    assert "Rating: 2 jobs on 1 worker in 30 s, which were busy 100 % of the time." in made.body
    assert "chart-workers" in made.body
    assert "chart-scaling" in made.body
    assert "Simulated, in minutes: distillation and rating, one after the other" in made.body
    assert 'id="workers"' in build_report(worked.folder).read_text()


def test_a_job_that_failed_is_shown_and_nothing_is_simulated(begin: Make, lease: Make) -> None:
    run = begin()
    lease("distill-1", 0, 10, state="failed").save(RunFolder(run.folder).lease("distill-1"))
    made = workers_section(read_run(run.folder))
    assert made is not None
    assert "chart-workers" in made.body
    assert "chart-scaling" not in made.body
