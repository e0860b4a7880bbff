import numpy as np
import pytest

from helixnas.artifacts import RatingTable
from helixnas.errors import ConfigError, UnknownNameError
from helixnas.search.scores import COMBINED, combine_scores, score_coefficients


def table(block: int, **scores: list[float]) -> RatingTable:
    rows = len(next(iter(scores.values())))
    return RatingTable(
        block=block,
        previous_width=np.full(rows, 16),
        path=tuple(f"16:op{row}" for row in range(rows)),
        width=np.full(rows, 16),
        batch_sizes=np.array([3, 1]),
        scores={name: np.repeat(np.array(values)[:, None], 2, axis=1) for name, values in scores.items()},
    )


RATINGS = (table(1, a=[0.0, 1.0, 5.0], b=[30.0, 10.0, 20.0]), table(2, a=[2.0, 3.0, 1.0], b=[0.0, 90.0, 10.0]))


def test_each_score_spreads_alike_over_the_space() -> None:
    factors = score_coefficients(RATINGS, ("a", "b"))
    for name, factor in factors.items():
        first, second = (ratings.mean(name) for ratings in RATINGS)
        sums = (first[:, None] + second[None, :]).ravel() * factor
        assert sums.std() == pytest.approx(1)


def test_combination_is_unchanged_when_a_score_changes_its_unit() -> None:
    other = tuple(table(r.block, a=list(1000 * r.mean("a")), b=list(r.mean("b"))) for r in RATINGS)
    for one, two in zip(
        combine_scores(RATINGS, score_coefficients(RATINGS, ("a", "b"))),
        combine_scores(other, score_coefficients(other, ("a", "b"))),
        strict=True,
    ):
        assert one.mean(COMBINED) == pytest.approx(two.mean(COMBINED))


def test_one_score_alone_stays_as_it_is() -> None:
    assert score_coefficients(RATINGS, ("b",)) == {"b": 1.0}
    assert combine_scores(RATINGS, {"b": 1.0})[1].batches(COMBINED).tolist() == RATINGS[1].batches("b").tolist()


def test_what_cannot_be_combined_is_told() -> None:
    constant = (table(1, a=[1.0, 1.0], b=[1.0, 2.0]),)
    with pytest.raises(ConfigError, match="score a is the same for every path, so it cannot be combined"):
        score_coefficients(constant, ("a", "b"))
    for names in ((), ("a", "a")):
        with pytest.raises(ConfigError, match="must be named once each, and at least one, not"):
            score_coefficients(RATINGS, names)
    with pytest.raises(UnknownNameError, match="unknown score 'c'"):
        score_coefficients(RATINGS, ("a", "c"))
