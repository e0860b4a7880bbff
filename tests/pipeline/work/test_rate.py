"""Ratings of a run: every path of every block on every rating image, and what the run keeps of them."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from helixnas.artifacts import RatingTable
from helixnas.pipeline.context import Context
from helixnas.pipeline.part import parts_of
from helixnas.pipeline.work.rate import join_tables, rate, rate_part, table_file


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
