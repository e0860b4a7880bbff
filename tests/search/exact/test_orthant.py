import numpy as np
import pytest

from helixnas.search.exact.orthant import OrthantIndex


@pytest.mark.parametrize("ties", [4, 10**9])
def test_index_finds_a_point_that_is_no_larger_wherever_there_is_one(ties):
    rng = np.random.default_rng(0)
    points, queries = rng.integers(0, ties, (700, 3)), rng.integers(-1, ties, (900, 3)) // 2
    expected = (points[:, None] <= queries[None]).all(axis=2).any(axis=0)
    assert OrthantIndex(points).any_no_larger(queries).tolist() == expected.tolist()
    assert expected.any()
    assert not expected.all()


def test_an_index_of_few_points_answers_queries_on_and_off_its_cuts():
    index = OrthantIndex(np.array([[2, 2, 2]]))
    queries = np.array([[2, 2, 2], [1, 9, 9], [9, 9, 1], [3, 2, 2]])
    assert index.any_no_larger(queries).tolist() == [True, False, False, True]
    assert index.any_no_larger(queries[:0]).tolist() == []
