"""Rows and sentences about baselines."""

from dataclasses import replace

from helixnas.artifacts.agreement import Estimate
from helixnas.artifacts.comparison import Comparison
from helixnas.report.lab.baseline_text import COLUMNS, accelerators, beyond_proxy, cells_of, title_of


def test_a_row_has_a_cell_for_every_column(comparison: Comparison) -> None:
    assert {len(cells_of(row)) for row in comparison.rows} == {len(COLUMNS)}
    assert cells_of(comparison.rows[0])[:4] == ["SPOS, seed 0", "2.5", "1,000", "20"]
    assert title_of(comparison) == "Baselines on 2 networks"


def test_a_size_is_not_compared_with_itself(comparison: Comparison) -> None:
    assert cells_of(comparison.rows[3])[-1] == ""


def test_what_is_learned_is_compared_given_the_best_untrained_proxy_too(comparison: Comparison) -> None:
    assert beyond_proxy(comparison) == ""
    known = Estimate(0.25, (0.125, 0.375))
    rows = [replace(row, beyond=None if row.kind == "size" else known) for row in comparison.rows]
    sentence = beyond_proxy(replace(comparison, rows=tuple(rows), proxy="naswot"))
    assert sentence == (
        "Spearman's rho with MACs, parameters, depth and NASWOT (untrained) held fixed: SPOS, seed 0 0.250 (0.125 to 0.375) "
        "and my_score<b> 0.250 (0.125 to 0.375)."
    )


def test_accelerators_are_named_and_the_processor_is_not(comparison: Comparison) -> None:
    assert accelerators(comparison) == ""
    rows = tuple(replace(row, device="cuda") for row in comparison.rows)
    assert accelerators(replace(comparison, rows=rows)) == "Core-seconds do not include the time of cuda."
