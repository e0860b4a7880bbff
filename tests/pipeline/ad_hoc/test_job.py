"""One job of a run: what it leaves alone, and what it refuses."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from helixnas.artifacts.run_folder import RunFolder
from helixnas.engine.progress import Reporter
from helixnas.errors import ArtifactError, ConfigError, UnknownNameError
from helixnas.jobs.lease import Lease, leases_of
from helixnas.pipeline.ad_hoc.job import do_job
from helixnas.pipeline.recipe import Recipe


def test_a_job_that_is_done_is_left_as_it_is(copy: RunFolder, tiny: Recipe, listener: Any) -> None:
    file = copy.supernet_block(2)
    before = file.stat().st_mtime_ns
    do_job(tiny, copy, listener, name="distill-2")
    do_job(tiny, copy, listener, name="distill-2-cell-1")
    assert file.stat().st_mtime_ns == before
    assert [said.partition(" (")[0] for said in listener.said] == ["distill-2: done", "distill-2-cell-1: done"]
    assert [(lease.job, lease.state) for lease in leases_of(copy)] == [
        ("distill-2", "done"),
        ("distill-2-cell-1", "done"),
    ]


def test_a_job_that_another_machine_has_is_refused(copy: RunFolder, tiny: Recipe) -> None:
    Lease(job="rate-1", host="elsewhere", process=7).save(copy.lease("rate-1"))
    with pytest.raises(ArtifactError, match=r"process 7 on elsewhere is at work in .* \(rate-1\); wait for it"):
        do_job(tiny, copy, Reporter(), name="rate-1")


def test_a_job_needs_the_stages_before_its_own(tiny: Recipe, copy: RunFolder) -> None:
    copy.supernet_block(1).unlink()
    with pytest.raises(ArtifactError, match=r"rate needs the distill stage, which must be redone"):
        do_job(tiny, copy, Reporter(), name="rate-2")
    with pytest.raises(UnknownNameError, match=r"unknown job 'rate-7'; did you mean rate-"):
        do_job(tiny, copy, Reporter(), name="rate-7")


def test_blocks_that_learn_together_are_no_jobs(tiny: Recipe, copy: RunFolder) -> None:
    recipe = replace(tiny, distill=replace(tiny.distill, strategy="progressive-b"))
    with pytest.raises(
        ConfigError, match=r"progressive-b trains the blocks in order, so none can be trained alone; run: h"
    ):
        do_job(recipe, copy, Reporter(), name="distill-1")
    (lease,) = leases_of(copy)
    assert (lease.state, lease.is_final) == ("failed", True)


def test_a_run_that_is_not_there_is_named(tiny: Recipe, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="no run in"):
        do_job(tiny, RunFolder(tmp_path / "none"), Reporter(), name="rate-1")
