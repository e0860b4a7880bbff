"""The pages of studies and rankings in a real browser: they fit every screen, draw their charts and do not complain."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from helixnas.artifacts.ranking import Ranking
from helixnas.artifacts.study import Ranked, Study, StudyRow
from helixnas.report import build_ranking_page
from helixnas.report.lab.study import render_study

pytestmark = pytest.mark.browser


@pytest.fixture(params=["study", "ranking"])
def page(
    request: pytest.FixtureRequest,
    ranking: Ranking,
    figures: Callable[..., Ranked],
    row: Callable[..., StudyRow],
    study: Callable[..., Study],
    tmp_path: Path,
) -> Path:
    """One page after the other."""
    path = tmp_path / f"{request.param}.html"
    if request.param == "ranking":
        build_ranking_page(ranking, path)
    else:
        long = "distill.sampling=strict-fair,distill.features=standardized"
        rows = (row("base", figures(0.5), figures(0.4)), row(long, figures(0.3), figures(0.35)))
        path.write_text(render_study(study(*rows, benchmark="bench")), encoding="utf-8")
    return path


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_screen(page: Path, too_wide: Callable[[Path, int], list[str]], width: int) -> None:
    assert too_wide(page, width) == []


def test_charts_are_drawn_and_the_console_is_silent(page: Path, look_at: Callable[..., tuple[str, list[str]]]) -> None:
    dom, console = look_at(page)
    assert console == []
    pieces = re.split(r'id="chart-', dom.partition("</head>")[2])[1:]
    assert pieces
    assert all(re.search(r"<(circle|rect|path)", piece) for piece in pieces)
