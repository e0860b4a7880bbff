"""Multiply-adds of cells and of jobs: in closed form, and adding up over the sizes of jobs."""

import shutil
from dataclasses import replace
from typing import Literal

import pytest

from helixnas.artifacts.run_folder import RunFolder
from helixnas.jobs.scaling import JobSizes
from helixnas.pipeline.estimate import forward_macs, sketch
from helixnas.pipeline.hardware.macs import CellMacs, cell_macs, save_job_sizes
from helixnas.pipeline.part import SIZES, parts_of
from helixnas.pipeline.recipe import Recipe
from helixnas.space import Block, mbconv


def block_of(depth: int) -> Block:
    """Return a block of one cell of so many layers, each with two operations."""
    return mbconv(cells=(((depth, 8),),), strides=(1,), kernels=(3, 5), expansions=(3,), stem_width=4).blocks[0]


def test_a_cell_of_one_layer_shares_nothing_and_a_deeper_one_its_prefixes() -> None:
    block = block_of(1)
    first, second = (path.text for path in block.cells[0].paths())
    assert cell_macs(block, {(4, first): 10, (4, second): 30}) == [CellMacs(20.0, 40.0)]  # both paths
    deep = block_of(2)
    costs = {(width, path.text): 20 for width in (4, 6) for path in deep.cells[0].paths()}
    (found,) = cell_macs(deep, costs)
    assert found == CellMacs(20.0, 20 * (2 * 2 + 2 * 4) / 2)  # of layers of 10 each, 4 first ones and 8 second ones


@pytest.mark.parametrize("stage", ["distill", "rate"])
@pytest.mark.parametrize("sampling", ["uniform", "strict-fair"])
def test_jobs_of_every_size_add_up_to_the_work_of_the_stage(
    tiny: Recipe, copy: RunFolder, stage: Literal["distill", "rate"], sampling: Literal["uniform", "strict-fair"]
) -> None:
    recipe = replace(tiny, distill=replace(tiny.distill, sampling=sampling))
    save_job_sizes(recipe, copy, stage)
    found = JobSizes.load(JobSizes.file(copy, stage))
    whole = forward_macs(sketch(recipe), recipe)
    expected = 3 * whole.supernet if stage == "distill" else whole.rating
    assert list(found.macs) == ["block", "cell", "prefix"]
    for size in SIZES:
        jobs = found.macs[size]
        assert list(jobs) == [part.name for part in parts_of(recipe, stage, size)]
        assert sum(jobs.values()) == pytest.approx(expected + len(jobs) * whole.teacher)


def test_every_cell_is_a_job_of_its_own(tiny: Recipe, copy: RunFolder) -> None:
    save_job_sizes(tiny, copy, "distill")
    assert list(JobSizes.load(JobSizes.file(copy, "distill")).macs["cell"]) == [
        "distill-1-cell-1",
        "distill-1-cell-2",
        "distill-2-cell-1",
        "distill-2-cell-2",
    ]


def test_without_costs_no_sizes_are_noted(tiny: Recipe, copy: RunFolder) -> None:
    copy.costs.unlink()
    save_job_sizes(tiny, copy, "rate")
    assert not JobSizes.file(copy, "rate").exists()
    shutil.rmtree(copy.path)
    save_job_sizes(tiny, copy, "rate")
    assert not JobSizes.file(copy, "rate").exists()
