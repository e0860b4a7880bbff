"""Ratings of a run: every path of every block on every rating image, and what the run keeps of them."""

import itertools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file

from helixnas.artifacts import RatingTable
from helixnas.artifacts.run_folder import RunFolder
from helixnas.engine import Stopwatch
from helixnas.engine.progress import Reporter
from helixnas.errors import Interrupted
from helixnas.pipeline.context import Context
from helixnas.pipeline.part import parts_of
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.run import run_recipe
from helixnas.pipeline.work import rate as work
from helixnas.pipeline.work.rate import join_tables, rate, rate_part, table_file
from helixnas.rating.moments import add_moments


def test_every_path_of_every_block_is_rated_on_all_rating_images(undistilled: Context) -> None:
    before = {name: tensor.clone() for name, tensor in undistilled.supernet.state_dict().items()}
    result = rate(undistilled, "key", "")
    assert result.files == ("ratings/block-1.parquet", "ratings/block-2.parquet")
    tables = [RatingTable.load(undistilled.folder.rating(number)) for number in (1, 2)]
    previous = (undistilled.space.stem_width,)
    for table, block in zip(tables, undistilled.space.blocks, strict=True):
        paths = [path.text for cell in block.cells for path in cell.paths()]
        rows = list(zip(table.previous_width.tolist(), table.path, strict=True))
        assert sorted(rows) == sorted(itertools.product(previous, paths))
        assert table.batch_sizes.tolist() == [6, 6]
        assert all(np.isfinite(table.batches(kind)).all() for kind in ("relative_l1", "task_kl"))
        previous = tuple(cell.width for cell in block.cells)
    assert result.facts == {"paths": sum(map(len, tables)), "images": 12}
    assert all((tensor == before[name]).all() for name, tensor in undistilled.supernet.state_dict().items())


def test_the_same_images_give_the_same_scores(undistilled: Context) -> None:
    rate(undistilled, "key", "")
    first = RatingTable.load(undistilled.folder.rating(2))
    rate(undistilled, "another key", "")
    again = RatingTable.load(undistilled.folder.rating(2))
    assert all(np.array_equal(first.scores[kind], again.scores[kind]) for kind in first.scores)


@pytest.mark.parametrize("readout", ["none", "linear"])
def test_the_tables_of_parts_in_any_order_join_to_that_of_the_block(undistilled: Context, readout: str) -> None:
    rating = replace(undistilled.recipe.rating, readout=readout)
    undistilled.recipe = replace(undistilled.recipe, rating=rating)
    rate(undistilled, "key", "")
    for number in (1, 2):
        whole = undistilled.folder.rating(number).read_bytes()
        parts = [part for part in parts_of(undistilled.recipe, "rate", "prefix") if part.block == number]
        for part in parts:
            rate_part(undistilled, "key", part)
        files = [table_file(undistilled.folder, part, "key") for part in parts]
        tables = [RatingTable.load(file) for file in reversed(files)]
        joined = join_tables(tables, undistilled.space, number)
        joined.save(undistilled.folder.rating(number))
        assert undistilled.folder.rating(number).read_bytes() == whole
        times = [file.stat().st_mtime_ns for file in files]
        rate_part(undistilled, "key", parts[0])  # it is there already
        assert [file.stat().st_mtime_ns for file in files] == times


def tables_of(folder: RunFolder, *moment: int) -> list[RatingTable]:
    place = folder.rating_at if moment else folder.rating
    return [RatingTable.load(place(number, *moment)) for number in (1, 2)]


@pytest.mark.slow
def test_every_moment_is_rated_as_a_run_that_stops_there_and_all_are_added(
    tiny: Recipe, finished: RunFolder, tmp_path: Path
) -> None:
    whole, early = RunFolder(tmp_path / "whole"), RunFolder(tmp_path / "early")
    recipe = replace(tiny, distill=replace(tiny.distill, num_moments=2))
    record = run_recipe(recipe, whole, Reporter(), until="rate", others=[finished])
    stopped = replace(tiny, distill=replace(tiny.distill, stop_at=0.5))
    run_recipe(stopped, early, Reporter(), until="rate", others=[finished])
    for number in (1, 2):
        first, last = whole.supernet_block(number, 1), whole.supernet_block(number)
        assert load_file(first).keys() == load_file(last).keys()
        assert same_weights(first, early.supernet_block(number))
        assert same_weights(last, finished.supernet_block(number))
        assert whole.rating_at(number, 1).read_bytes() == early.rating(number).read_bytes()
        assert whole.rating_at(number, 0).read_bytes() == finished.rating(number).read_bytes()
    expected = add_moments([tables_of(early), tables_of(finished)])
    for found, given in zip(tables_of(whole), expected, strict=True):
        assert all(np.array_equal(found.scores[kind], given.scores[kind]) for kind in given.scores)
    assert "ratings/moment-1/block-2.parquet" in record.stages["rate"].files
    assert "supernet/moment-1/block-2.safetensors" in record.stages["distill"].files


def test_a_moment_that_was_rated_before_an_interruption_is_not_rated_again(
    undistilled: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    undistilled.recipe = replace(undistilled.recipe, distill=replace(undistilled.recipe.distill, num_moments=3))
    rated, real = list[int](), work._rate
    undistilled.watch.restore({"seconds": 100.0, "core_seconds": 50.0})
    monkeypatch.setattr(undistilled, "supernet_at", lambda moment: undistilled.supernet, raising=False)

    def counting(context: Context, key: str, moment: int, *rest: Any) -> tuple[RatingTable, ...]:
        rated.append(moment)
        if len(rated) == 2:
            raise Interrupted("stopped; everything so far is saved")
        return real(context, key, moment, *rest)

    monkeypatch.setattr(work, "_rate", counting)
    with pytest.raises(Interrupted):
        rate(undistilled, "key", "")
    saved = json.loads(undistilled.folder.rated_moments.read_text())
    undistilled.watch = Stopwatch()  # another process
    result = rate(undistilled, "key", "")
    assert rated == [2, 1, 1, 0]
    assert undistilled.watch.seconds >= saved["spent"]["seconds"] == 100.0
    assert len(result.files) == 2 + 3 * 2
    assert rate(undistilled, "key", "").temporary == (undistilled.folder.rated_moments,)
    assert rated == [2, 1, 1, 0, 0]  # the stage was not recorded, so the earlier moments are still there
    rate(undistilled, "another key", "")
    assert rated[5:] == [2, 1, 0]


def same_weights(one: Path, other: Path) -> bool:
    first, second = load_file(one), load_file(other)
    return first.keys() == second.keys() and all((tensor == second[name]).all() for name, tensor in first.items())
