"""Workers: what ran on which worker, and how the jobs would scale."""

from helixnas.engine.timing import duration
from helixnas.report.elements.page import Section, section
from helixnas.report.elements.wording import listed
from helixnas.report.reading import RunFiles
from helixnas.report.workers.gantt import gantt, num_lanes
from helixnas.report.workers.measured import TITLES, StageJobs, stage_jobs
from helixnas.report.workers.simulation import scaling_of


def workers_section(run: RunFiles) -> Section | None:
    """Return the jobs of a run on its workers and their simulated scaling; None where no worker had a job."""
    stages = stage_jobs(run)
    if not stages:
        return None
    scaling = scaling_of(stages)
    shown = {
        "sentences": [_sentence(stage) for stage in stages],
        "gantt": gantt(stages),
        "scaling": scaling,
        "stages": listed([TITLES[stage.stage].lower() for stage in stages if stage.is_complete]),
    }
    return section("workers", "Workers", "run/workers", **shown)


def _sentence(stage: StageJobs) -> str:
    """Return in words how many jobs a stage had, on how many workers, and how long they took."""
    attempts = [attempt for lease in stage.leases for attempt in lease.attempts]
    took = max(attempt.ended for attempt in attempts) - min(attempt.began for attempt in attempts)
    busy = sum(attempt.seconds for attempt in attempts)
    number, hosts = num_lanes(stage.leases), len({attempt.host for attempt in attempts})
    where = f"on {_plural(number, 'worker')}" + (f" of {hosts} machines" if hosts > 1 else "")
    share = f", which were busy {100 * busy / (number * took):.0f} % of the time" if took > 0 else ""
    lost = len(attempts) - sum(attempt.state in ("done", "running") for attempt in attempts)
    again = f" {_plural(lost, 'attempt')} did not finish; another went on from the last checkpoint." if lost else ""
    return f"{TITLES[stage.stage]}: {_plural(len(stage.leases), 'job')} {where} in {duration(round(took, 1))}{share}.{again}"


def _plural(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
