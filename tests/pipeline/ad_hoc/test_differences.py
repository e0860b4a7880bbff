"""Differences between plain values."""

import pytest

from helixnas.pipeline.ad_hoc.differences import MISSING, differences


@pytest.mark.parametrize(("first", "second"), [(3, 3.0), (1, True), (0.0, False), ("3", 3), (None, MISSING), ([], {})])
def test_another_type_is_a_difference(first: object, second: object) -> None:
    assert list(differences({"a": first}, {"a": second})) == [("a", first, second)]


def test_lists_of_other_lengths_differ_as_a_whole() -> None:
    assert list(differences({"a": [1]}, {"a": [1, 2]})) == [("a", [1], [1, 2])]


def test_equal_values_do_not_differ() -> None:
    assert list(differences({"a": [1, {"b": None}]}, {"a": (1, {"b": None})})) == []


def test_an_entry_that_one_side_lacks_differs_from_null() -> None:
    assert list(differences({"a": None}, {})) == [("a", None, MISSING)]
