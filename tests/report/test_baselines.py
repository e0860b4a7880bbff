"""The part of the page with baselines: every row with its cost, a line each, and words where something is not known."""

from dataclasses import replace

import pytest

from helixnas.artifacts.agreement import Agreement, Estimate
from helixnas.artifacts.comparison import Compared, Comparison
from helixnas.artifacts.ranking import Ranking
from helixnas.report.baselines import baselines_sections


def row(name: str, kind: str, tau: float, **cost) -> Compared:
    around = (tau - 0.25, tau + 0.25)
    found = Agreement(tau, around, tau, around, tau, around)
    return Compared(name=name, kind=kind, agreement=found, partial=Estimate(tau / 2, around), **cost)  # type: ignore[arg-type]


COMPARISON = Comparison(
    networks=("4:a", "4:b"),
    rows=(
        row("spos", "baseline", 0.25, seed=0, epoch=2.5, images_seen=1000, core_seconds=20.0, device="cpu"),
        row("spos", "baseline", 0.5, seed=0, epoch=5.0, images_seen=2000, core_seconds=40.0, device="cpu"),
        row("my_score<b>", "score", 0.75, images_seen=1500, core_seconds=30.0),
        row("macs", "size", 0.125, images_seen=0, core_seconds=0.0),
    ),
)


@pytest.fixture
def ranking() -> Ranking:
    return Ranking(
        benchmark={"name": "made"},
        scores=("my_score",),
        search_score="my_score",
        num_resamples=10,
        picked_by="hand",
        subsets=(),
        budgets=(),
        networks={},
        baselines=(COMPARISON,),
    )


def test_every_row_tells_its_cost_and_its_figures(ranking: Ranking) -> None:
    (section,) = baselines_sections(ranking)
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


def test_a_cost_that_is_not_recorded_is_said_to_be(ranking: Ranking) -> None:
    unknown = replace(COMPARISON.rows[2], core_seconds=None, images_seen=None)
    rows = (*COMPARISON.rows[:2], unknown, COMPARISON.rows[3])
    (section,) = baselines_sections(replace(ranking, baselines=(replace(COMPARISON, rows=rows),)))
    assert section.body.count(">not recorded<") == 2
    assert "the processor time of its stages is not recorded" in section.body


def test_what_an_accelerator_did_is_said_not_to_be_counted(ranking: Ranking) -> None:
    rows = tuple(replace(each, device="cuda") if each.kind == "baseline" else each for each in COMPARISON.rows)
    (section,) = baselines_sections(replace(ranking, baselines=(replace(COMPARISON, rows=rows),)))
    assert "On cuda, core-seconds tell only what the processor did." in section.body


def test_a_ranking_without_baselines_has_no_such_section(ranking: Ranking) -> None:
    assert baselines_sections(replace(ranking, baselines=())) == []
