"""The page of generations of a real lineage."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from helixnas.artifacts.agreement import Estimate
from helixnas.artifacts.lineage import Generation, Lineage, LineageFolder
from helixnas.artifacts.study import Ranked
from helixnas.report.generations.page import build_generations_page, render_generations


@pytest.fixture
def lineage(finished: Any, generation: Callable[..., Generation], tmp_path: Path) -> LineageFolder:
    """Return two generations with figures made by hand, in copies of one run."""
    out, tau = LineageFolder(tmp_path / "lineage"), Estimate(0.5, (0.25, 0.75))
    for number in (1, 2):
        shutil.copytree(finished.folder, out.run(number).path)
    search = min(file.parent.name for file in finished.folder.glob("searches/*/result.json"))
    winner = "8:mb3_k3 12:mb6_k3"
    ranked = Ranked(
        score="relative_l1",
        kendall=tau,
        spearman=tau,
        partial=tau,
        sizes=dict.fromkeys(("macs", "params", "depth"), tau),
        num_networks=60,
    )
    ones = (
        generation(1, quality=0.5, winner=winner, stitched=ranked, trained=ranked),
        generation(2, tau=0.9, quality=0.25, winner=winner, stitched=ranked, note="<large>"),
    )
    Lineage(recipe="<mine>", number=2, search=search, generations=ones, reason="all done").save(out.lineage)
    return out


def test_the_page_compares_generations_links_their_reports_and_needs_no_network(lineage: LineageFolder) -> None:
    page = build_generations_page(lineage).read_text()
    assert 'id="chart-generations"' in page
    assert 'href="generation-2/report.html"' in page
    assert "Generation 2 is worse than generation 1" in page
    assert "The same network as in the generation before." in page
    assert "&lt;large&gt;" in page
    assert "<large>" not in page
    assert 'src="http' not in page
    assert lineage.run(2).report.is_file()


def test_a_single_generation_has_no_figure_yet(lineage: LineageFolder) -> None:
    found = lineage.load()
    alone = Lineage(recipe="mine", number=3, search=found.search, generations=found.generations[:1])
    page = render_generations(alone, [lineage.run(1).path])
    assert "chart-generations" not in page
    assert "More may follow." in page
