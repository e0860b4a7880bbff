"""Stages of the same key are linked from another run instead of made again."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from helixnas.artifacts.run_folder import RunFolder
from helixnas.artifacts.run_record import RunRecord
from helixnas.pipeline.plan import plan
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.reuse import reason_not_to_reuse
from helixnas.pipeline.run import run_recipe


def test_stages_of_the_same_key_are_taken_over_and_those_after_a_change_are_made(
    finished: RunFolder, tiny: Recipe, tmp_path: Path, listener, digests: Callable[[Path], dict[str, str]]
) -> None:
    before, folder = digests(finished.path), RunFolder(tmp_path / "other")
    changed = replace(tiny, rating=replace(tiny.rating, batch_size=20))
    record = run_recipe(changed, folder, listener, until="rate", others=[RunFolder(tmp_path / "none"), finished])
    taken = [said.partition(":")[0] for said in listener.said if "reused from" in said]
    assert taken == ["teacher", "costs", "distill"]
    assert list(record.stages) == [*taken, "rate", "stitch"]
    assert record.stages["distill"] == finished.load_record().stages["distill"]
    assert all(stage.missing(folder.path) is None for stage in record.stages.values())
    assert digests(finished.path) == before
    assert folder.supernet_block(1).samefile(finished.supernet_block(1))


def test_a_stage_whose_files_were_changed_is_not_taken_over(
    copy: RunFolder, tiny: Recipe, tmp_path: Path, listener
) -> None:
    copy.supernet_block(1).write_bytes(b"damaged")
    run_recipe(tiny, RunFolder(tmp_path / "other"), listener, until="distill", others=[copy])
    assert not any(said.startswith("distill: reused") for said in listener.said)


@pytest.mark.slow
def test_a_teacher_that_is_only_cut_elsewhere_is_not_trained_again(
    finished: RunFolder, tiny: Recipe, tmp_path: Path, listener
) -> None:
    whole = {"join": tiny.space, "groups": [2]}
    joined = replace(tiny, space=whole, teacher=replace(tiny.teacher, boundaries=("layer2",)))
    folder = RunFolder(tmp_path / "joined")
    record = run_recipe(joined, folder, listener, until="rate", others=[finished])
    assert "teacher: trained before with the same settings" in listener.said
    theirs = load_file(finished.teacher / "model.safetensors")
    ours = load_file(folder.teacher / "model.safetensors")
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    assert record.stages["teacher"].facts["boundaries"] == ["layer2"]
    assert record.stages["rate"].facts["paths"] == 24


def test_a_teacher_of_other_settings_is_trained(finished: RunFolder, tiny: Recipe, tmp_path: Path, listener) -> None:
    other = replace(tiny, teacher_fit=replace(tiny.teacher_fit, lr=0.002))
    run_recipe(other, RunFolder(tmp_path / "other"), listener, until="teacher", others=[finished])
    assert not any("trained before" in said for said in listener.said)


def test_why_nothing_can_be_reused_is_the_first_difference(finished: RunFolder, tiny: Recipe, tmp_path: Path) -> None:
    assert reason_not_to_reuse(plan(tiny.to_dict()), finished) == ""
    other = replace(tiny, seed=1)
    assert reason_not_to_reuse(plan(other.to_dict()), finished) == "teacher: seed changed from 0 to 1"
    begun = RunFolder(tmp_path / "begun")
    begun.save_record(RunRecord(recipe="tiny"))
    assert reason_not_to_reuse(plan(tiny.to_dict()), begun) == "it has no finished stage of this recipe"
