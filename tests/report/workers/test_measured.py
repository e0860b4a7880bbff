"""Which leases are measured jobs of a run: those of the settings that made its results."""

from typing import Any

from helixnas.artifacts.run_folder import RunFolder
from helixnas.jobs.lease import Lease
from helixnas.jobs.scaling import JobSizes
from helixnas.report.reading import read_run
from helixnas.report.workers.measured import stage_jobs


def test_jobs_of_other_settings_are_left_out_and_attempts_add_up(worked: Any) -> None:
    distill, rate = stage_jobs(read_run(worked.folder))
    assert (distill.stage, rate.stage) == ("distill", "rate")
    assert distill.seconds == {"distill-1": 70.0, "distill-2": 150.0}  # the second was begun by a worker that was lost
    assert rate.seconds == {"rate-1": 10.0, "rate-2": 20.0}
    assert distill.is_complete
    assert set(distill.macs) == {"block", "cell"}
    assert rate.macs == {}


def test_of_a_stage_that_is_not_finished_the_last_settings_count(worked: Any) -> None:
    folder = RunFolder(worked.folder)
    worked.record = worked.record.without_stage("rate")
    worked.record.save(worked.folder / "record.json")
    Lease(job="rate-1", key="newer", state="failed", host="here").save(folder.lease("rate-1"))
    _, rate = stage_jobs(read_run(worked.folder))
    assert [each.job for each in rate.leases] == ["rate-1"]
    assert not rate.is_complete


def test_a_damaged_file_of_sizes_counts_as_none(worked: Any) -> None:
    JobSizes.file(RunFolder(worked.folder), "distill").write_text("{")
    assert stage_jobs(read_run(worked.folder))[0].macs == {}
