from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pytest

from helixnas.errors import TeacherError
from helixnas.teacher.cutting.candidates import Candidate
from helixnas.teacher.cutting.shares import Cut, equal_shares
from helixnas.teacher.layout import Layout


def place(name: str, macs: int, side: int = 8) -> Candidate:
    return Candidate(name=name, stride=64 // side, channels=4, size=(side, side), layout=Layout("nchw"), macs=macs)


def names(cuts: Sequence[Cut]) -> list[str]:
    return [cut.boundary.name for cut in cuts]


def test_cuts_are_the_places_nearest_to_equal_shares_and_say_so() -> None:
    places = [place(f"b{k}", macs) for k, macs in enumerate((10, 24, 40, 52, 70, 77, 100))]
    cuts = equal_shares(places, [(8, 8)] * 3, start=None, end=places[-1], whole=True)
    assert names(cuts) == ["b1", "b3", "b5"]
    assert [cut.reason for cut in cuts] == [
        "24 % of the multiply-adds, aim 25 %",
        "52 % of the multiply-adds, aim 50 %",
        "77 % of the multiply-adds, aim 75 %",
    ]


def test_shares_of_a_stretch_are_those_between_its_ends() -> None:
    places = [place(f"b{k}", macs) for k, macs in enumerate((60, 70, 81, 90, 100))]
    (cut,) = equal_shares(places, [(8, 8)], start=places[0], end=places[-1])
    assert (cut.boundary.name, cut.reason) == ("b2", "52 % of the multiply-adds from b0 to b4, aim 50 %")


def test_a_finer_grid_in_whole_windows_is_taken_and_a_coarser_one_is_not() -> None:
    places = [place("fine", 30, 16), place("odd", 49, 12), place("coarse", 50, 4), place("late", 80), place("end", 100)]
    assert names(equal_shares(places, [(8, 8)], start=None, end=places[-1], whole=True)) == ["fine"]


def test_among_equal_shares_the_outer_module_is_cut_and_of_two_the_later() -> None:
    places = [place("a.conv.norm", 50), place("a", 50), place("b.norm", 50), place("end", 100)]
    assert names(equal_shares(places, [(8, 8)], start=None, end=places[-1])) == ["a"]
    places = [place("a", 40), place("b", 60), place("end", 100)]
    assert names(equal_shares(places, [(8, 8)], start=None, end=places[-1])) == ["b"]


@pytest.mark.parametrize("seed", range(20))
def test_no_other_choice_of_places_is_nearer_to_equal_shares(seed: int) -> None:
    rng = np.random.default_rng(seed)
    number, total = int(rng.integers(1, 4)), 1000
    macs = [*sorted(rng.choice(total - 1, 8, replace=False).tolist()), total]
    places = [place(f"b{k}", 1 + each) for k, each in enumerate(macs)]

    def deviation(chosen: Sequence[Candidate]) -> int:
        aims = [(k + 1) / (number + 1) for k in range(number)]
        return sum(
            round(100 * (each.macs / places[-1].macs - aim)) ** 2 for each, aim in zip(chosen, aims, strict=True)
        )

    found = equal_shares(places, [(8, 8)] * number, start=None, end=places[-1])
    best = min(deviation(chosen) for chosen in combinations(places[:-1], number))
    assert deviation([cut.boundary for cut in found]) == best


def test_too_few_places_are_listed() -> None:
    places = [place("a", 10), place("a.act", 10), place("coarse", 50, 4), place("end", 100)]
    with pytest.raises(TeacherError) as caught:
        equal_shares(places, [(8, 8)] * 2, start=None, end=places[-1])
    assert str(caught.value) == (
        "the teacher must be cut at 2 places before end for blocks of 8 x 8 pixels, but has only 1 with features of that "
        "size or whole multiples of it: a (4 channels, 8 x 8); choose another teacher, a space of fewer blocks, or name "
        "modules in teacher.boundaries"
    )
