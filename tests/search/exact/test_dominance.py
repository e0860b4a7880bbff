import numpy as np
import pytest

from helixnas.search.exact.dominance import undominated


def count_dominators(columns: np.ndarray, classes: np.ndarray | None) -> np.ndarray:
    no_larger = (columns[:, None] <= columns[None]).all(axis=2)
    if classes is not None:
        no_larger &= classes[:, None] == classes[None]
    return np.triu(no_larger, 1).sum(axis=0)


@pytest.mark.parametrize("num_columns", [0, 1, 2, 3, 4])
@pytest.mark.parametrize("classed", [False, True])
def test_first_front_holds_exactly_what_no_earlier_row_is_as_good_as(num_columns, classed):
    rng = np.random.default_rng(num_columns)
    for size in (1, 2, 40, 300):
        for scale in (3, 50, 10**12):
            columns = rng.integers(-scale, scale, (size, num_columns))
            classes = rng.integers(0, 4, size) if classed else None
            expected = count_dominators(columns, classes) == 0
            assert undominated(columns, classes=classes).tolist() == expected.tolist()


@pytest.mark.parametrize("num_columns", [0, 1, 2, 3])
def test_peeling_keeps_every_row_that_fewer_than_k_are_as_good_as(num_columns):
    rng = np.random.default_rng(num_columns)
    for copies in (2, 3, 7):
        columns = rng.integers(0, 6, (120, num_columns))
        kept = undominated(columns, copies=copies)
        assert kept[count_dominators(columns, None) < copies].all()
        assert (count_dominators(columns, None)[~kept] >= copies).all()


def test_many_rows_of_three_columns_use_the_index_and_agree():
    columns = np.random.default_rng(0).integers(0, 2_000, (6_000, 3))
    columns[:, 2] = 6_000 - columns[:, 0] - columns[:, 1] + np.random.default_rng(1).integers(0, 200, 6_000)
    kept = undominated(columns)
    assert kept.sum() > 1_500
    assert kept.tolist() == (count_dominators(columns, None) == 0).tolist()


def test_many_rows_of_two_columns_in_several_chunks_agree():
    columns = np.random.default_rng(0).integers(0, 10**6, (3_000, 2))
    columns[:, 1] = 10**6 - columns[:, 0] + np.random.default_rng(1).integers(0, 9_000, 3_000)
    assert undominated(columns).tolist() == (count_dominators(columns, None) == 0).tolist()


def test_classes_with_a_huge_range_are_told_apart():
    columns = np.array([[0], [2**61], [-(2**61)], [0]])
    assert undominated(columns, classes=np.array([0, 1, 1, 0])).tolist() == [True, True, True, False]
