"""The page of a study: one table, one figure, and honest sentences."""

from collections.abc import Callable

from helixnas.artifacts.study import Ranked, Study, StudyRow
from helixnas.report.lab.study import render_study
from helixnas.report.lab.study_text import cells, head


def test_the_page_holds_the_figure_and_the_table_and_needs_no_network(
    figures: Callable[..., Ranked], row: Callable[..., StudyRow], study: Callable[..., Study]
) -> None:
    page = render_study(study(row("<a>", figures(0.5), figures(0.4)), row("b", figures(0.3)), benchmark="bench"))
    assert 'id="chart-study"' in page
    assert "&lt;a&gt;" in page
    assert "<td><a>" not in page
    assert "variants/b" in page
    assert 'src="http' not in page


def test_a_study_without_any_figure_says_what_is_missing(
    figures: Callable[..., Ranked], row: Callable[..., StudyRow], study: Callable[..., Study]
) -> None:
    found = study(row("a", None), row("b", None))
    assert [each[1] for each in cells(found)] == ["nothing", "nothing"]
    assert {len(each) for each in cells(found)} == {len(head(found))}
    assert "No variant has figures" in render_study(found)


def test_a_benchmark_without_picks_has_no_panel_and_no_table_is_empty(
    figures: Callable[..., Ranked], row: Callable[..., StudyRow], study: Callable[..., Study]
) -> None:
    page = render_study(study(row("a", figures(0.5)), row("b", figures(0.3)), benchmark="bench"))
    assert "accuracy of the pick" not in page
    assert "tau of MACs" not in render_study(study(row("a", None)))
