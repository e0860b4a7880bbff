"""Numbers, intervals, lists and names as text."""

import pytest

from helixnas.artifacts.agreement import Estimate
from helixnas.report.elements.wording import count, estimate_text, figure_text, interval_text, listed, name_of, signed


@pytest.mark.parametrize(("value", "words"), [(999_900, "1,000 k"), (0, "0"), (4.2e9, "4.2 G"), (12_281_088, "12.3 M")])
def test_large_numbers_have_three_figures(value: float, words: str) -> None:
    assert count(value) == words


def test_a_figure_below_zero_has_a_true_minus_sign() -> None:
    assert figure_text(-0.5, (-0.75, 0.0)) == "\N{MINUS SIGN}0.500 (\N{MINUS SIGN}0.750 to 0.000)"
    assert estimate_text(Estimate(-0.5, (-0.75, 0.0))) == figure_text(-0.5, (-0.75, 0.0))
    assert interval_text([-0.75, 0.0], 1) == "\N{MINUS SIGN}0.8 to 0.0"


def test_a_number_that_rounds_to_zero_has_no_sign() -> None:
    assert signed(-0.004) == "0.00"


@pytest.mark.parametrize(("names", "words"), [([], "none"), (["a"], "a"), (["a", "b"], "a and b")])
def test_short_lists_read_well(names: list[str], words: str) -> None:
    assert listed(names) == words


def test_every_part_of_a_sum_has_its_name() -> None:
    assert name_of("relative_l1 + task_kl") == "relative L1 (Eq. 7) + task_kl"
    assert name_of("fairnas") == "FairNAS"
