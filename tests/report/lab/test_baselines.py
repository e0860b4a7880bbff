"""The part of the page with baselines: every row with its cost, a line each, and words where something is not known."""

from dataclasses import replace

from helixnas.artifacts.comparison import Comparison
from helixnas.artifacts.ranking import Ranking
from helixnas.report.lab.baselines import baselines_sections


def test_every_row_tells_its_cost_and_its_figures(ranking: Ranking, comparison: Comparison) -> None:
    (section,) = baselines_sections(replace(ranking, baselines=(comparison,)))
    assert (section.anchor, section.title) == ("baselines", "Baselines on 2 networks")
    for words in (
        "<td>SPOS, seed 0</td>",
        ">2.5<",
        ">2,000<",
        ">40<",
        "0.500 <wbr>(0.250 to 0.750)",
        "my_score&lt;b&gt;",
    ):
        assert words in section.body
    assert "<b>" not in section.body.partition("<table")[2]
    assert 'id="chart-baselines"' in section.body


def test_a_cost_that_is_not_recorded_is_said_to_be(ranking: Ranking, comparison: Comparison) -> None:
    unknown = replace(comparison.rows[2], core_seconds=None, images_seen=None)
    rows = (*comparison.rows[:2], unknown, comparison.rows[3])
    (section,) = baselines_sections(replace(ranking, baselines=(replace(comparison, rows=rows),)))
    assert section.body.count(">not recorded<") == 2
    assert "the processor time of its stages is not recorded" in section.body


def test_what_an_accelerator_did_is_said_not_to_be_counted(ranking: Ranking, comparison: Comparison) -> None:
    rows = tuple(replace(each, device="cuda") if each.kind == "baseline" else each for each in comparison.rows)
    (section,) = baselines_sections(replace(ranking, baselines=(replace(comparison, rows=rows),)))
    assert "Core-seconds do not include the time of cuda." in section.body


def test_a_ranking_without_baselines_has_no_such_section(ranking: Ranking) -> None:
    assert baselines_sections(ranking) == []
