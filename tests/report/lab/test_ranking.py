"""The page of a ranking: every figure beside size, in words that follow the figures, and nothing from a network."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from helixnas.artifacts.agreement import Agreement
from helixnas.artifacts.ranking import ADDITIVE, Pick, Ranking, SubsetRanking
from helixnas.report import build_ranking_page
from helixnas.report.lab.ranking import even_steps, ranks


def page_of(ranking: Ranking, tmp_path: Path) -> str:
    build_ranking_page(ranking, tmp_path / "ranking.html")
    return (tmp_path / "ranking.html").read_text(encoding="utf-8")


def test_the_page_shows_every_predictor_subset_and_figure(ranking: Ranking, tmp_path: Path) -> None:
    page = page_of(ranking, tmp_path)
    body = page.partition("</head>")[2]
    anchors = re.findall(r'<section id="([^"]+)"', body)
    assert anchors == ["summary", "regret", "all", "no-identity", "scatter", "ranks"]
    for name in ("relative L1 (Eq. 7)", "MACs", "parameters", "depth (layers)", "training 1 against 2"):
        assert body.count(f"<td>{name}</td>") >= 2 - (name == "training 1 against 2")
    assert "0.500 <wbr>(0.250 to 0.750)" in body
    assert "would reach a Pearson correlation of 0.938" in body
    assert "top decile (4 different networks, of at least 10)" in body
    assert re.findall(r'id="chart-(\w+)"', body) == ["regret", "scatter", "ranks"]
    assert "made&lt;1&gt;" in body
    assert "made<1>" not in body
    links = re.findall(r'(?:href|src)="([^"]+)"', re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL))
    assert all(link.startswith(("#", "data:")) for link in links)


def summary_of(ranking: Ranking, tmp_path: Path) -> str:
    page = page_of(ranking, tmp_path)
    return " ".join(page.partition('<section id="summary"')[2].partition("</section>")[0].split())


def test_regret_is_told_in_points_beside_the_largest_networks_and_random_picks(
    ranking: Ranking, tmp_path: Path
) -> None:
    largest = Pick(accuracy=0.8125, architecture="4:b 8:b")
    budgets = tuple(replace(each, picks={**each.picks, "macs": largest}) for each in ranking.budgets)
    assert ranking.regret("relative_l1") == 0.0625
    summary = summary_of(replace(ranking, budgets=budgets), tmp_path)
    assert (
        "fall 6.25 points of accuracy short of the best on average; the largest networks under each budget 12.50, random "
        "picks 18.75. The best of what costs no training, parameters, falls 6.25 short."
    ) in summary


def test_the_headline_is_the_top_decile_where_there_is_one(
    ranking: Ranking, subset_of: Callable[..., SubsetRanking], tmp_path: Path
) -> None:
    assert "<p>All networks. The score relative L1" in summary_of(ranking, tmp_path)
    whole, *others = ranking.subsets
    best = subset_of("top_decile", {"macs": -0.25, "params": 0.5, "depth": 0.375})
    summary = summary_of(replace(ranking, subsets=(whole, best, *others)), tmp_path)
    assert "<p>Top decile. MACs alone ranks better than relative L1 (Eq. 7)" in summary
    assert summary.index("random picks") < summary.index("Top decile.")


def test_the_best_additive_fit_is_shown_where_there_is_one_and_called_no_method(
    ranking: Ranking, agreement_of: Callable[..., Agreement], tmp_path: Path
) -> None:
    row = "<td>best additive fit</td>"
    assert row not in page_of(ranking, tmp_path)
    subsets = tuple(replace(each, additive=agreement_of(0.75)) for each in ranking.subsets)
    perfect = Pick(accuracy=0.9375, architecture="4:b 8:b")
    budgets = tuple(replace(each, picks={**each.picks, ADDITIVE: perfect}) for each in ranking.budgets)
    body = page_of(replace(ranking, subsets=subsets, budgets=budgets), tmp_path)
    assert body.count(row) == 3
    assert body.count("it is fitted to the trained accuracies that scores have to predict") == 1
    assert re.search(rf"{row}\s*<td[^>]*>0.750 <wbr>\(0.500 to 1.000\)", body)
    assert re.search(rf"{row}\s*<td[^>]*>0.00</td>", body)


def test_many_networks_are_thinned_and_it_says_so(ranking: Ranking, tmp_path: Path) -> None:
    many = {name: column * 50 for name, column in ranking.networks.items()}
    body = page_of(replace(ranking, networks=many), tmp_path)
    assert "Drawn are 1,500 of 2,000 rows" in body
    assert "Drawn are 60 of 2,000 rows" in body


def test_trainings_that_are_not_repeated_have_no_ceiling(
    ranking: Ranking, subset_of: Callable[..., SubsetRanking], tmp_path: Path
) -> None:
    once = replace(ranking, subsets=(subset_of("all", trainings=False),))
    body = page_of(once, tmp_path)
    assert "Spearman-Brown" not in body
    assert "training 1 against" not in body


def test_ranks_begin_at_one_and_ties_share() -> None:
    assert ranks(np.array([0.5, 0.5, 0.25, 1.0])).tolist() == [2.5, 2.5, 1.0, 4.0]


def test_even_steps_hold_both_ends() -> None:
    steps = even_steps(1000, 7)
    assert (len(steps), steps[0], steps[-1]) == (7, 0, 999)
    assert len(set(np.diff(steps))) <= 2


def test_nothing_is_explained_twice_and_no_sentence_stands_twice(ranking: Ranking, tmp_path: Path) -> None:
    sentences = re.findall(r"<p>(.*?)</p>", page_of(ranking, tmp_path), re.DOTALL)
    assert sum("differ by chance" in sentence for sentence in sentences) == 1
    verdicts = [sentence for sentence in sentences if "ranks better" in sentence]
    assert len(verdicts) == len(ranking.subsets)


def test_a_predictor_that_is_the_same_for_all_networks_is_not_drawn(ranking: Ranking, tmp_path: Path) -> None:
    alike = replace(ranking, networks={**ranking.networks, "depth": (3,) * 40})
    titles = re.findall(r'<div class="title">(.*?)</div>', page_of(alike, tmp_path))
    assert len(titles) == 2 * (len(ranking.predictors) - 1)
    assert not any("depth" in title for title in titles)
