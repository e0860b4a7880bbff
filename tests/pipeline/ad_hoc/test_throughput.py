"""The throughput of a finished run, as the file that --hardware reads."""

from dataclasses import replace
from pathlib import Path

import pytest

from helixnas.artifacts.run_folder import RunFolder
from helixnas.errors import ArtifactError
from helixnas.pipeline.ad_hoc.throughput import throughput_of
from helixnas.pipeline.estimate import forward_macs, sketch
from helixnas.pipeline.hardware.hours import basis_of, stage_hours
from helixnas.pipeline.hardware.measured import MeasuredThroughput
from helixnas.pipeline.recipe import Recipe


def test_with_the_throughput_of_a_run_its_own_recipe_takes_as_long_as_it_took(
    finished: RunFolder, tiny: Recipe, tmp_path: Path
) -> None:
    recipe = replace(tiny, expected_images=1797)
    throughput_of(recipe, finished, device="this CPU").save(tmp_path / "cpu.json")
    found = MeasuredThroughput.load(tmp_path / "cpu.json")
    assert (found.device, found.missing) == ("this CPU", [])
    hours = stage_hours(recipe, basis_of(found, forward_macs(sketch(recipe), recipe)), 1, is_divided=True)
    estimated = {one.name: one.alone.high for one in hours}
    record = finished.load_record()
    assert estimated["distill"] == pytest.approx(record.stages["distill"].seconds)
    for kind in (("rate", "stitch"), ("teacher", "retrain:small")):  # stages of a kind share a throughput
        taken = sum(record.stages[name].seconds for name in kind)
        assert sum(estimated[name] for name in kind) == pytest.approx(taken)


def test_stages_whose_images_are_not_known_are_left_out(finished: RunFolder, tiny: Recipe) -> None:
    assert throughput_of(tiny, finished).missing == [
        "train",
        "distill",
    ]  # the images that rate are those of the settings


def test_a_run_whose_stages_other_processes_did_gives_none(copy: RunFolder, tiny: Recipe) -> None:
    record = copy.load_record()
    stages = {name: replace(stage, core_seconds=None) for name, stage in record.stages.items()}
    copy.save_record(replace(record, stages=stages))
    with pytest.raises(ArtifactError, match="has no finished stage that was timed in one process, or expected_images"):
        throughput_of(tiny, copy)
