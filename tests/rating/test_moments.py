"""The scores of several moments: each over its spread, batches apart, in units of the last."""

from dataclasses import replace

import numpy as np
import pytest

from helixnas.artifacts.rating_table import RatingTable, spread_of_sums
from helixnas.rating.moments import add_moments


def table(block: int, seed: int, *, scale: float = 1.0) -> RatingTable:
    rng = np.random.default_rng((block, seed))
    scores = {name: scale * rng.normal(size=(4, 3)) for name in ("relative_l1", "log_kl")}
    widths = np.full(4, 8)
    return RatingTable(
        block=block,
        previous_width=widths,
        width=widths,
        path=("a", "b", "c", "d"),
        batch_sizes=np.array([5, 5, 2]),
        scores=scores,
    )


def moment(seed: int, *, scale: float = 1.0) -> tuple[RatingTable, ...]:
    return tuple(table(block, seed, scale=scale) for block in (1, 2))


def test_a_single_moment_is_left_as_it_is() -> None:
    last = moment(0)
    assert all(found is given for found, given in zip(add_moments([last]), last, strict=True))


def test_every_moment_counts_by_its_spread_over_all_blocks() -> None:
    early, last = moment(0), moment(1)
    for block, found in enumerate(add_moments([early, last])):
        for name in ("relative_l1", "log_kl"):
            factor = spread_of_sums(last, name) / spread_of_sums(early, name)
            expected = (factor * early[block].batches(name) + last[block].batches(name)) / 2
            assert found.batches(name) == pytest.approx(expected)


def test_the_units_of_an_early_moment_do_not_matter() -> None:
    one, other = add_moments([moment(0), moment(1)]), add_moments([moment(0, scale=1000.0), moment(1)])
    for block in (0, 1):
        assert one[block].mean("log_kl") == pytest.approx(other[block].mean("log_kl"))
    double = add_moments([moment(0), moment(1, scale=2.0)])
    assert double[0].mean("log_kl") == pytest.approx(2 * one[0].mean("log_kl"))  # those of the last do


def test_a_moment_that_tells_paths_not_apart_moves_all_alike() -> None:
    flat = tuple(replace(each, scores={name: np.ones((4, 3)) for name in each.scores}) for each in moment(0))
    last = moment(1)
    found = add_moments([flat, last])
    for block in (0, 1):
        assert np.diff(found[block].mean("log_kl")) == pytest.approx(np.diff(last[block].mean("log_kl")) / 2)
