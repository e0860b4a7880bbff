"""Distillation in a run: its curves, a loss that is not finite, and progressive strategies."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from helixnas.artifacts import RunRecord
from helixnas.artifacts.run_folder import RunFolder
from helixnas.engine import job
from helixnas.engine.history import load_history
from helixnas.engine.progress import Reporter
from helixnas.errors import ArtifactError, ConfigError, Interrupted, NonFiniteLossError
from helixnas.lab.sequential import load_beams
from helixnas.pipeline.ad_hoc.job import do_job
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.run import run_recipe, run_stage
from helixnas.pipeline.work.distill import reason_not_to_divide

Digests = Callable[[Path], dict[str, str]]


def progressive(tiny: Recipe, strategy: str, **settings: Any) -> Recipe:
    """Return the recipe with a progressive strategy."""
    return replace(tiny, distill=replace(tiny.distill, strategy=strategy, num_kept=2, **settings))


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["progressive-a", "progressive-b"])
def test_a_progressive_run_stopped_in_its_second_block_ends_as_one_that_was_not_and_is_rated_and_searched(
    finished: RunFolder,
    tiny: Recipe,
    tmp_path: Path,
    listener,
    digests: Digests,
    strategy: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recipe = progressive(tiny, strategy)
    whole, stopped = RunFolder(tmp_path / "whole"), RunFolder(tmp_path / "stopped")
    record = run_recipe(recipe, whole, Reporter(), until="search", others=[finished])
    steps = 2 * finished.load_record().stages["distill"].facts["steps"]
    facts = record.stages["distill"].facts
    assert (facts["steps"], facts["images"]) == (steps, 64 * steps)
    assert record.stages["distill"].core_seconds is not None
    assert {"rate", "stitch", "search:small"} <= set(record.stages)
    kept = load_beams(whole.beams, record.stages["distill"].key)
    assert kept is not None
    assert [len(of_block) for of_block in kept] == [4, 2]  # two of each width: 8 and 12, then 12
    assert kept[-1][0] == (facts["best_kept"], facts["best_kept_score"])
    assert all(of_block == sorted(of_block, key=lambda pair: pair[1]) for of_block in kept)
    curves = load_history(whole.history("distill"))
    spans = {int(name.split()[1]): (own["step"].min(), own["step"].max()) for name, own in curves.groupby("name")}
    assert spans == {1: (1, steps // 2), 2: (steps // 2 + 1, steps)}

    states = iter([False] * (steps // 2 + 5) + [True])

    class Asking:
        def __enter__(self):
            return lambda: next(states)

        def __exit__(self, *details: object) -> None:
            pass

    with monkeypatch.context() as patch:
        patch.setattr(job, "stop_requests", Asking)
        with pytest.raises(Interrupted):
            run_recipe(recipe, stopped, Reporter(), until="search", others=[finished])
    assert stopped.checkpoint("distill").is_file()
    run_recipe(recipe, stopped, listener, until="search")
    assert digests(stopped.path) == digests(whole.path)
    assert stopped.beams.read_text() == whole.beams.read_text()


@pytest.mark.slow
def test_a_progressive_run_is_not_done_in_parts(finished: RunFolder, tiny: Recipe, tmp_path: Path, listener) -> None:
    recipe, folder = progressive(tiny, "progressive-b"), RunFolder(tmp_path / "run")
    record = run_recipe(recipe, folder, listener, until="distill", others=[finished])
    before = {number: folder.supernet_block(number).read_bytes() for number in (1, 2)}
    with pytest.raises(ConfigError, match=r"distill.strategy=progressive-b trains .*; leave --blocks out"):
        run_stage(recipe, folder, listener, verb="distill", name=None, blocks=(2,))
    for lost in (folder.supernet_block(2), folder.beams):
        lost.unlink()
        again = run_recipe(recipe, folder, listener, until="distill")
        assert {number: folder.supernet_block(number).read_bytes() for number in (1, 2)} == before
        assert again.stages["distill"].facts == record.stages["distill"].facts
    folder.beams.write_text("{}")
    with pytest.raises(ArtifactError, match=r"kept.json is truncated or damaged"):
        run_recipe(recipe, folder, listener, until="distill")


def test_a_progressive_run_whose_loss_is_not_finite_keeps_no_block(
    finished: RunFolder, tiny: Recipe, tmp_path: Path
) -> None:
    folder = RunFolder(tmp_path / "run")
    wild = progressive(tiny, "progressive-b", lr=1e30)
    with pytest.raises(NonFiniteLossError, match=r"^the loss of block 2 is .* of block 2's training .* none is kept"):
        run_recipe(wild, folder, Reporter(), until="distill", others=[finished])
    assert not list(folder.path.glob("supernet/*"))
    assert not list(folder.path.glob("checkpoints/*"))


def test_blocks_can_be_trained_alone_unless_they_learn_from_each_other(tiny: Recipe) -> None:
    rating = replace(tiny.rating, scores=("embedding_distance",))
    joint = replace(tiny.distill, objective="self-supervised", batch_size=128)
    assert reason_not_to_divide(tiny) == ""
    assert reason_not_to_divide(progressive(tiny, "progressive-a")).endswith("trains the blocks in order")
    assert reason_not_to_divide(replace(tiny, distill=joint, rating=rating)).endswith("the teacher with the student's")


def test_the_curves_of_distillation_hold_every_cell(finished: RunFolder) -> None:
    curves = load_history(finished.history("distill"))
    assert sorted(set(curves["name"])) == [f"block {block} cell {cell}" for block in (1, 2) for cell in (1, 2)]
    assert curves["step"].max() == RunRecord.load(finished.record).stages["distill"].facts["steps"]


@pytest.mark.slow
def test_a_loss_that_is_not_finite_stops_its_block_and_the_others_are_kept(
    finished: RunFolder, tiny: Recipe, digests: Digests, tmp_path: Path, listener
) -> None:
    wild = replace(tiny, distill=replace(tiny.distill, first_block_lr=1e30))
    folder = RunFolder(tmp_path / "run")
    with pytest.raises(NonFiniteLossError, match=r"loss of block 1 is .* in step \d+ .*path .*; the other blocks are"):
        run_recipe(wild, folder, listener)
    assert any(said.startswith("block 1 stops, the others continue: the loss of block 1") for said in listener.said)
    block = "supernet/block-2.safetensors"
    assert [path.name for path in folder.path.glob("supernet/*")] == ["block-2.safetensors"]
    assert list(folder.load_record().stages) == ["teacher", "costs"]
    whole, kept = (load_file(path / block) for path in (finished.path, folder.path))
    assert all(torch.equal(whole[name], kept[name]) for name in whole)
    before = digests(folder.path)[block]
    with pytest.raises(NonFiniteLossError, match=r"^the loss of block 1 is .*\); try a lower distill.lr"):
        run_recipe(wild, folder, listener)  # only block 1 is tried again
    assert digests(folder.path)[block] == before


@pytest.mark.slow
def test_jobs_share_one_pool_of_features_and_give_the_bits_of_one_process(
    finished: RunFolder, tiny: Recipe, tmp_path: Path, listener: Any, digests: Digests
) -> None:
    recipe = replace(tiny, distill=replace(tiny.distill, feature_cache=1))
    whole, parts = RunFolder(tmp_path / "whole"), RunFolder(tmp_path / "parts")
    run_recipe(recipe, whole, listener, until="distill", others=[finished])
    assert any(
        said.startswith("feature cache: features of 1 view of 1,378 images, 0.00 GiB in") for said in listener.said
    )
    run_recipe(recipe, parts, Reporter(), until="costs", others=[finished])
    do_job(recipe, parts, Reporter(), name="distill-1")
    (pool,) = parts.features.iterdir()
    (marker,) = pool.glob("*.done")
    filled = marker.stat().st_mtime_ns
    for name in ("distill-2-cell-1", "distill-2-cell-2"):
        do_job(recipe, parts, Reporter(), name=name)
    assert marker.stat().st_mtime_ns == filled
    run_recipe(recipe, parts, Reporter(), until="distill")
    assert digests(parts.path / "supernet") == digests(whole.path / "supernet")
    plain, cached = (load_history(each.history("distill"))["value"].to_numpy() for each in (finished, whole))
    assert cached == pytest.approx(plain, rel=0.01)
    assert not (cached == plain).all()
