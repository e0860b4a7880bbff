"""RatingTable: weighted means, rows, files."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helixnas.artifacts import RatingTable
from helixnas.artifacts.rating_table import rows_of, summed
from helixnas.errors import ArtifactError, UnknownNameError
from helixnas.space import Architecture, SearchSpace


def table() -> RatingTable:
    """Return a table of noise with two kinds of score: two paths after two widths, in three batches."""
    rng = np.random.default_rng(1)
    return RatingTable(
        block=2,
        previous_width=np.array([24, 24, 32, 32]),
        path=("a", "b", "a", "b"),
        width=np.array([40, 40, 40, 40]),
        batch_sizes=np.array([8, 8, 3]),
        scores={name: rng.random((4, 3)) for name in ("relative_l1", "mse")},
    )


@settings(max_examples=30)
@given(st.lists(st.integers(1, 64), min_size=1, max_size=5), st.integers(0, 2**32))
def test_the_mean_is_that_over_images_and_not_over_batches(sizes: list[int], seed: int) -> None:
    scores = np.random.default_rng(seed).random((2, len(sizes)))
    rated = RatingTable(
        block=1,
        previous_width=np.array([16, 16]),
        path=("a", "b"),
        width=np.array([24, 24]),
        batch_sizes=np.array(sizes),
        scores={"relative_l1": scores},
    )
    per_image = np.repeat(scores, sizes, axis=1)
    assert rated.mean().tolist() == pytest.approx(per_image.mean(axis=1).tolist(), rel=1e-12)


def test_equal_batches_make_it_the_plain_mean() -> None:
    rated = replace(table(), batch_sizes=np.array([7, 7, 7]))
    assert rated.mean("mse") == pytest.approx(rated.batches("mse").mean(axis=1))


def test_a_row_is_found_by_previous_width_and_path() -> None:
    rated = table()
    assert [rated.row(24, "a"), rated.row(24, "b"), rated.row(32, "a"), rated.row(32, "b")] == [0, 1, 2, 3]
    assert len(rated) == 4


def test_a_saved_table_reads_back_to_the_last_bit(tmp_path: Path) -> None:
    rated = table()
    rated.save(tmp_path / "block-2.parquet")
    back = RatingTable.load(tmp_path / "block-2.parquet")
    assert (back.block, back.path, list(back.scores)) == (rated.block, rated.path, ["relative_l1", "mse"])
    for name in ("previous_width", "width", "batch_sizes"):
        assert np.array_equal(getattr(back, name), getattr(rated, name))
    for name, scores in rated.scores.items():
        assert back.batches(name).dtype == np.float64
        assert np.array_equal(back.batches(name), scores)
    assert back.row(32, "b") == 3


def test_the_order_of_memory_does_not_matter(tmp_path: Path) -> None:
    rated = table()
    turned = replace(rated, scores={name: np.asfortranarray(scores) for name, scores in rated.scores.items()})
    turned.save(tmp_path / "t.parquet")
    assert np.array_equal(RatingTable.load(tmp_path / "t.parquet").batches("mse"), rated.batches("mse"))


def test_the_first_score_is_meant_where_none_is_named() -> None:
    rated = table()
    assert np.array_equal(rated.mean(), rated.mean("relative_l1"))
    assert np.array_equal(replace(rated, scores={"mse": rated.scores["mse"]}).mean(), rated.mean("mse"))


def test_a_table_without_any_score_is_refused() -> None:
    with pytest.raises(ArtifactError, match="rating of block 2 holds no score"):
        replace(table(), scores={})


def test_scores_of_another_shape_are_refused() -> None:
    with pytest.raises(ArtifactError, match=r"rating of block 2: mse has shape \(4, 2\), expected \(4, 3\)"):
        replace(table(), scores={"mse": np.zeros((4, 2))})


def test_a_kind_that_was_not_rated_is_answered_with_those_that_were() -> None:
    with pytest.raises(UnknownNameError, match="unknown score 'relative_l2'; did you mean relative_l1"):
        table().mean("relative_l2")


def test_a_path_that_was_not_rated_is_named_with_the_width_before() -> None:
    with pytest.raises(ArtifactError, match="block 2 has no rating for path 'c' after width 24"):
        table().row(24, "c")


def tables_of(space: SearchSpace) -> list[RatingTable]:
    """Return tables whose scores are the position of the path, plus the previous width."""
    found: list[RatingTable] = []
    for number, block in enumerate(space.blocks, start=1):
        rows = [(width, path) for width in space.previous_widths(number) for path in block.paths()]
        found.append(
            RatingTable(
                block=number,
                previous_width=np.array([width for width, _ in rows]),
                path=tuple(path.text for _, path in rows),
                width=np.array([path.width for _, path in rows]),
                batch_sizes=np.array([1, 3]),
                scores={"it": np.array([[at + width] * 2 for at, (width, _) in enumerate(rows)], dtype=float)},
            )
        )
    return found


def test_the_sum_of_an_architecture_takes_each_path_behind_the_width_before_it(
    two_blocks: Callable[..., SearchSpace],
) -> None:
    space = two_blocks()
    tables, rng = tables_of(space), np.random.default_rng(0)
    drawn: list[Architecture] = [space.sample(rng) for _ in range(5)]
    rows = rows_of(tables, drawn)
    for one, own, total in zip(drawn, rows, summed(tables, drawn), strict=True):
        expected = 0.0
        for table, path, row, width in zip(tables, one.paths, own, (space.stem_width, one.paths[0].width), strict=True):
            assert (table.path[row], table.previous_width[row]) == (path.text, width)
            expected += row + width
        assert total == expected


def test_a_path_that_was_not_rated_is_told(two_blocks: Callable[..., SearchSpace]) -> None:
    space = two_blocks()
    first, second = tables_of(space)
    renamed = replace(first, path=tuple(f"x{path}" for path in first.path))
    with pytest.raises(ArtifactError, match="block 1 has no rating for path"):
        rows_of([renamed, second], [space.sample(np.random.default_rng(0))])
