"""The stages in order: once, again, after a change, block by block, and stopped in the middle."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from helixnas.artifacts.files import write_text
from helixnas.artifacts.run_folder import RunFolder
from helixnas.engine import job
from helixnas.engine.progress import Reporter
from helixnas.errors import (
    ArtifactError,
    ConfigError,
    DataError,
    HelixError,
    InfeasibleBudgetError,
    Interrupted,
    UnknownNameError,
)
from helixnas.pipeline import run
from helixnas.pipeline.ad_hoc.search import search_run
from helixnas.pipeline.context import Context
from helixnas.pipeline.plan import plan
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.run import do_stage, run_recipe, run_stage
from helixnas.pipeline.stage import Result
from helixnas.report import build_report
from helixnas.search.config import SearchConfig
from helixnas.space import space_to_dict

Digests = Callable[[Path], dict[str, str]]


def test_a_run_leaves_every_artifact_and_a_record_of_all_stages(finished: RunFolder) -> None:
    record = finished.load_record()
    assert list(record.stages) == [
        "teacher", "costs", "distill", "rate", "stitch", "search:small", "retrain:small",
    ]  # fmt: skip
    assert all(stage.missing(finished.path) is None for stage in record.stages.values())
    assert finished.report.is_file()
    assert not list(finished.path.rglob(".*.tmp"))
    assert not list(finished.path.glob("checkpoints/*"))


def test_a_finished_run_is_not_done_again(copy: RunFolder, tiny: Recipe, listener) -> None:
    run_recipe(tiny, copy, listener)
    assert [said for said in listener.said if "report" not in said] == [
        f"{name}: done already" for name in copy.load_record().stages
    ]


def test_a_changed_setting_redoes_its_stage_and_those_after_it_and_is_named(
    copy: RunFolder, tiny: Recipe, listener
) -> None:
    changed = replace(tiny, rating=replace(tiny.rating, batch_size=20))
    run_recipe(changed, copy, listener, until="search")
    assert "distill: done already" in listener.said
    assert "re-running rate: rating.batch_size changed from 30 to 20" in listener.said
    assert "re-running search:small: an earlier stage changed" in listener.said


@pytest.mark.slow
def test_another_number_of_threads_is_recorded_and_told_once(copy: RunFolder, tiny: Recipe, listener) -> None:
    threads = {name: stage.num_threads for name, stage in copy.load_record().stages.items()}
    assert threads == dict.fromkeys(threads, 1) | {"costs": None, "search:small": None}
    for name in ("rate", "stitch"):
        copy.save_record(copy.load_record().without_stage(name))
    run_recipe(replace(tiny, runtime=replace(tiny.runtime, num_threads=2)), copy, listener, until="rate")
    assert [said for said in listener.said if "threads" in said] == [
        "torch has 2 CPU threads, but finished stages of this run had 1; results may differ in their last digits from a run "
        "with one number of threads (runtime.num_threads)"
    ]
    assert copy.load_record().stages["rate"].num_threads == 2


def test_temporary_files_are_removed_once_the_stage_is_recorded(
    copy: RunFolder, tiny: Recipe, listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    record, kept = copy.load_record(), copy.path / "checkpoints" / "kept.json"
    one = next(each for each in plan(tiny.to_dict()) if each.name == "costs")
    write_text(kept, "{}")
    monkeypatch.setattr(run, "work", lambda *_: Result(("costs.parquet",), {}, temporary=(kept,)))
    do_stage(replace(one, key="other"), Context(tiny, copy, listener), record)
    assert copy.load_record().stages["costs"].key == "other"
    assert not kept.exists()


def test_a_setting_that_changes_no_result_redoes_nothing(copy: RunFolder, tiny: Recipe, listener) -> None:
    run_recipe(replace(tiny, data=replace(tiny.data, cache=False)), copy, listener, until="search")
    assert all("done already" in said for said in listener.said)


@pytest.mark.parametrize(
    ("file", "stage"),
    [
        ("ratings/block-1.parquet", "rate"),
        ("ratings/stitching.json", "stitch"),
        ("supernet/block-2.safetensors", "distill"),
        ("searches/small/architecture.json", "search:small"),
    ],
)
@pytest.mark.parametrize("harm", ["deleted", pytest.param("truncated", marks=pytest.mark.slow)])
def test_a_deleted_or_truncated_file_redoes_its_stage_with_the_same_result(
    copy: RunFolder, tiny: Recipe, digests: Digests, listener, file: str, stage: str, harm: str
) -> None:
    before = digests(copy.path)
    if harm == "deleted":
        (copy.path / file).unlink()
    else:
        os.truncate(copy.path / file, (copy.path / file).stat().st_size // 2)
    run_recipe(tiny, copy, listener, until="search")
    assert f"re-running {stage}: {file} is missing or was changed" in listener.said
    assert digests(copy.path) == before


@pytest.mark.slow
def test_blocks_trained_alone_are_the_blocks_trained_together_and_are_taken_over(
    finished: RunFolder, tiny: Recipe, digests: Digests, tmp_path: Path, listener
) -> None:
    folder = RunFolder(tmp_path / "alone")
    run_recipe(tiny, folder, Reporter(), until="teacher")
    run_stage(tiny, folder, listener, verb="teacher", name=None)
    with pytest.raises(
        ArtifactError, match=r"rate needs the distill stage, which must be done first: helixnas distill"
    ):
        run_stage(tiny, folder, listener, verb="rate", name=None)
    run_stage(tiny, folder, listener, verb="distill", name=None, blocks=(2,))
    assert "distill" not in folder.load_record().stages
    run_stage(tiny, folder, listener, verb="distill", name=None, blocks=(1,))
    assert "distill" in folder.load_record().stages
    with pytest.raises(ConfigError, match=r"the space has blocks 1 \.\. 2, not 3"):
        run_stage(tiny, folder, listener, verb="distill", name=None, blocks=(3,))
    run_recipe(tiny, folder, listener, until="rate")
    assert "distill: done already" in listener.said
    alone, together = digests(folder.path), digests(finished.path)
    assert alone == {name: together[name] for name in alone}
    assert {"supernet/block-1.safetensors", "ratings/block-2.parquet", "history/distill.parquet"} <= set(alone)


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_an_interrupted_run_ends_bit_for_bit_as_an_uninterrupted_one(
    finished: RunFolder, tiny: Recipe, digests: Digests, tmp_path: Path, stopping: Any, number: signal.Signals
) -> None:
    folder = RunFolder(tmp_path / "stopped")
    for title, step in (("training the teacher", 5), ("distilling", 9), ("rating", 1), ("retraining small", 7)):
        with pytest.raises(Interrupted, match="everything so far is saved"):
            run_recipe(tiny, folder, stopping(title, step, number=number))
        assert len(list(folder.path.glob("checkpoints/*"))) == 1
    run_recipe(tiny, folder, Reporter())
    assert digests(folder.path) == digests(finished.path)


def test_the_time_of_a_stage_is_that_of_all_processes_that_worked_on_it(
    tiny: Recipe, tmp_path: Path, stopping: Any
) -> None:
    folder = RunFolder(tmp_path / "run")
    with pytest.raises(Interrupted):
        run_recipe(tiny, folder, stopping("training the teacher", 5, number=signal.SIGTERM), until="teacher")
    saved = torch.load(folder.checkpoint("teacher"), weights_only=True)
    assert saved["spent"]["core_seconds"] > 0
    saved["spent"] = {"seconds": 1000.0, "core_seconds": 2000.0}
    torch.save(saved, folder.checkpoint("teacher"))
    stage = run_recipe(tiny, folder, Reporter(), until="teacher").stages["teacher"]
    assert 1000.0 < stage.seconds < 1600.0
    assert stage.core_seconds is not None
    assert 2000.0 < stage.core_seconds < 2600.0


def test_a_checkpoint_is_written_now_and_then(tiny: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job, "SECONDS_BETWEEN_CHECKPOINTS", 0.0)
    written: list[Path] = []
    save = job.save_checkpoint
    monkeypatch.setattr(job, "save_checkpoint", lambda path, state: (written.append(path), save(path, state)))
    folder = RunFolder(tmp_path / "run")
    run_recipe(tiny, folder, Reporter(), until="teacher")
    assert len(written) > 10
    assert not folder.checkpoint("teacher").exists()


def test_a_second_process_on_the_same_folder_is_refused_and_the_first_named(copy: RunFolder, tiny: Recipe) -> None:
    script = (
        "import sys, pathlib; from helixnas.artifacts.run_folder import RunFolder\n"
        "with RunFolder(pathlib.Path(sys.argv[1])).locked(): print('in', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(copy.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(ArtifactError, match=f"process {other.pid} is at work in .*; wait for it"):
            run_recipe(tiny, copy, Reporter())
        other.communicate()


def test_a_run_of_another_recipe_is_kept_unless_asked_to_replace_it(copy: RunFolder, tiny: Recipe, listener) -> None:
    other = replace(tiny, name="other")
    with pytest.raises(ArtifactError, match="holds a run of recipe 'tiny', not of 'other'"):
        run_recipe(other, copy, listener)
    run_recipe(other, copy, listener, until="teacher", redo=True)
    assert list(copy.load_record().stages) == ["teacher"]
    assert not copy.search("small").exists()


def test_a_run_is_not_written_into_its_images(tiny: Recipe, tmp_path: Path) -> None:
    recipe = replace(tiny, data=replace(tiny.data, name="", root=str(tmp_path)))
    with pytest.raises(ConfigError, match="cannot hold both the run and its images"):
        run_recipe(recipe, RunFolder(tmp_path), Reporter())
    assert not list(tmp_path.iterdir())


def test_a_run_is_not_replaced_by_one_that_is_refused(copy: RunFolder, tiny: Recipe, digests) -> None:
    before, other = (digests(copy.path), copy.load_record()), replace(tiny, name="other")
    refused = (
        replace(other, data=replace(tiny.data, name="", root="typo")),
        replace(other, searches={"small": replace(tiny.searches["small"], max={"params": 1000})}),
    )
    for one, message in zip(refused, ("typo", "no architecture has params <= 1,000"), strict=True):
        with pytest.raises(HelixError, match=message):
            run_recipe(one, copy, Reporter(), redo=True)
    assert (digests(copy.path), copy.load_record()) == before


def test_a_folder_with_foreign_settings_is_left_alone(tiny: Recipe, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("mine: 1\n")
    with pytest.raises(ArtifactError, match="has a config.yaml but no record of a run"):
        run_recipe(tiny, RunFolder(tmp_path), Reporter())
    assert (tmp_path / "config.yaml").read_text() == "mine: 1\n"


def test_a_budget_that_cannot_be_met_is_told_before_distillation(tiny: Recipe, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    hopeless = replace(tiny, searches={"small": SearchConfig(max={"macs": "1k"})})
    with pytest.raises(InfeasibleBudgetError, match="search small: no architecture has macs <= 1,000; .* 76,000"):
        run_recipe(hopeless, folder, Reporter())
    weighed = replace(tiny, searches={"small": SearchConfig(weights=(1.0,))})
    with pytest.raises(ConfigError, match="the space has 2 blocks, so give as many block weights, not 1"):
        run_recipe(weighed, folder, Reporter())
    assert list(folder.load_record().stages) == ["teacher", "costs"]


def test_a_search_beside_the_recipe_can_be_retrained(copy: RunFolder, tiny: Recipe) -> None:
    search_run(copy, "mine", SearchConfig(max={"macs": "80%"}))
    record = run_stage(tiny, copy, Reporter(), verb="retrain", name="mine")
    assert {"search:mine", "retrain:mine"} <= set(record.stages)
    assert (copy.retrained("mine") / "model.safetensors").is_file()
    with pytest.raises(UnknownNameError, match="unknown search 'mien'; did you mean mine"):
        run_stage(tiny, copy, Reporter(), verb="retrain", name="mien")


def test_the_search_verb_does_the_searches_of_the_recipe(
    copy: RunFolder, tiny: Recipe, digests: Digests, listener
) -> None:
    before = digests(copy.path)
    record = copy.load_record().without_stage("search:small")
    copy.save_record(record)
    shutil.rmtree(copy.search("small"))
    search_run(copy, None, None)
    run_recipe(tiny, copy, listener, until="search")
    assert "search:small: done already" in listener.said
    after = digests(copy.path)
    assert after == {name: before[name] for name in after}


def test_a_run_without_retraining_ends_with_its_report(copy: RunFolder, tiny: Recipe, listener) -> None:
    run_recipe(replace(tiny, retrain=None), copy, listener)
    assert listener.said[-1] == f"report: {copy.report}"
    with pytest.raises(ConfigError, match="the recipe has no retraining"):
        run_stage(replace(tiny, retrain=None), copy, listener, verb="retrain", name=None)


def test_images_without_labels_are_refused_at_once_where_the_recipe_retrains(tiny: Recipe, tmp_path: Path) -> None:
    for number in range(90):
        Image.new("RGB", (8, 8), (number, 90 - number, 7)).save(tmp_path / f"{number}.png")
    unlabelled = replace(tiny, data=replace(tiny.data, name="", root=str(tmp_path), num_rating=16))
    with pytest.raises(DataError, match="retraining needs labels"):
        run_recipe(unlabelled, RunFolder(tmp_path / "run"), Reporter())
    with pytest.raises(ConfigError, match="retraining needs labels, but data.labels is false"):
        replace(tiny, data=replace(tiny.data, labels=False))


def test_a_folder_of_images_without_labels_goes_through_to_the_report(
    finished: RunFolder, tiny: Recipe, tmp_path: Path, listener
) -> None:
    draw = np.random.default_rng(0)
    for number in range(140):
        pixels = draw.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    recipe = replace(
        tiny,
        data=replace(tiny.data, name="", root=str(tmp_path), labels=False),
        teacher=replace(
            tiny.teacher,
            model_args={**tiny.teacher.model_args, "num_classes": 10, "in_chans": 3},
            weights=str(finished.teacher / "model.safetensors"),
        ),
        retrain=None,
    )
    folder = RunFolder(tmp_path / "run")
    record = run_recipe(recipe, folder, listener)
    assert list(record.stages) == ["teacher", "costs", "distill", "rate", "stitch", "search:small"]
    stitched = json.loads(folder.stitching.read_text())["architectures"]
    assert all(row["accuracy"] is None and row["divergence"] > 0 for row in stitched)
    page = build_report(folder.path).read_text(encoding="utf-8")
    assert "Score against cost" in page
    assert "retraining" in page.lower()


def test_unknown_stages_are_told_with_the_known_ones(tiny: Recipe, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="unknown stage 'serch'; did you mean search"):
        run_recipe(tiny, RunFolder(tmp_path), Reporter(), until="serch")


def test_a_changed_space_file_redoes_its_stages_and_is_written_out(tiny: Recipe, tmp_path: Path, listener) -> None:
    file, folder = tmp_path / "mine.yaml", RunFolder(tmp_path / "run")
    file.write_text(yaml.safe_dump(space_to_dict(tiny.search_space)))
    run_recipe(replace(tiny, space=str(file)), folder, listener, until="costs")
    assert folder.load_settings()["space"] == space_to_dict(tiny.search_space)
    smaller = space_to_dict(tiny.search_space)
    smaller["blocks"][0]["cells"] = smaller["blocks"][0]["cells"][:1]
    file.write_text(yaml.safe_dump(smaller))
    run_recipe(replace(tiny, space=str(file)), folder, listener, until="costs")
    assert "re-running teacher: space.blocks changed" in listener.said
    assert folder.load_settings()["space"] == smaller


def test_two_searches_with_one_winner_train_it_once(copy: RunFolder, tiny: Recipe, listener) -> None:
    searches = {**tiny.searches, "twin": tiny.searches["small"]}
    record = run_recipe(replace(tiny, searches=searches), copy, listener)
    assert "retrain:twin: same winner as search small; its trained weights are reused" in listener.said
    first, second = (copy.retrained(name) / "model.safetensors" for name in ("small", "twin"))
    assert first.samefile(second)
    assert record.stages["retrain:twin"].facts["reused from"] == "retrain:small"
    assert record.stages["retrain:twin"].missing(copy.path) is None
    assert set(record.stages["retrain:twin"].files) == {
        name.replace("small", "twin") for name in record.stages["retrain:small"].files
    }
