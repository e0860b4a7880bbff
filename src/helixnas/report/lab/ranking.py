"""The page of a ranking: scores and sizes against the trained accuracies of a benchmark (Fig. 6 and 7 of the paper)."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from helixnas.artifacts.baseline import PROXIES
from helixnas.artifacts.files import write_text
from helixnas.artifacts.ranking import SIZES, Ranking, SubsetRanking
from helixnas.report.elements.charts import Chart
from helixnas.report.elements.colors import GREY, INK, PALETTE, QUIET, color_of
from helixnas.report.elements.marks import Marks
from helixnas.report.elements.page import Section, document, section
from helixnas.report.elements.wording import correlations, listed, name_of, signed
from helixnas.report.lab.baselines import baselines_sections
from helixnas.report.lab.ranking_text import (
    FITTED,
    NOISE,
    TITLES,
    beside_size,
    ceilings,
    headline_first,
    reach,
    spent,
    verdict,
)

MOST_DOTS = 1500
"""Dots of a scatter plot; of more networks, so many are drawn at even steps."""

MOST_LINES = 60
"""Lines between the two rankings."""


def build_ranking_page(ranking: Ranking, target: Path) -> None:
    """Write the page, whole or not at all."""
    sections = [
        _summary(ranking),
        _regret_section(ranking),
        *(
            _subset_section(ranking, each, is_first=number == 0)
            for number, each in enumerate(headline_first(ranking.subsets))
        ),
        *baselines_sections(ranking),
        _scatter_section(ranking),
        _ranks_section(ranking),
    ]
    facts = ranking.benchmark
    subtitle = f"{facts['num_rows']:,} rows"
    if facts["num_networks"] != facts["num_rows"]:
        subtitle += f", which name {facts['num_networks']:,} different networks"
    write_text(target, document(f"Ranking against {facts['name']}", f"{subtitle}.", sections))


def _summary(ranking: Ranking) -> Section:
    """Return the headline: what a search chooses from, which are the networks under a budget and the best ones."""
    headline = headline_first(ranking.subsets)[0]
    untrained = [name for name in ranking.scores if name in PROXIES]
    free = min((*SIZES, *untrained), key=ranking.regret)
    values = {
        "part": TITLES[headline.name],
        "verdict": verdict(headline, ranking.search_score, ranking.proxy),
        "num_budgets": len(ranking.budgets),
        "score": name_of(ranking.search_score),
        "regret": 100 * ranking.regret(ranking.search_score),
        "largest_regret": 100 * ranking.regret("macs"),
        "free": name_of(free),
        "free_regret": 100 * ranking.regret(free),
        "random_regret": 100 * ranking.regret("random"),
        "spent": spent(ranking),
        "skipped": listed([f"{TITLES[name].lower()} ({reason})" for name, reason in ranking.skipped.items()]),
    }
    return section("summary", "Summary", "lab/ranking_summary", **values, has_skipped=bool(ranking.skipped))


def _subset_section(ranking: Ranking, subset: SubsetRanking, *, is_first: bool) -> Section:
    """Return the correlations on one part of the benchmark; what holds for all parts is explained at the first."""
    is_whole = subset is ranking.subsets[0]
    sentences = [] if is_first else [verdict(subset, ranking.search_score, ranking.proxy)]  # the summary has the first
    if subset.best_pearson is not None:
        sentences += [*([NOISE] if is_first else []), reach(subset.best_pearson)]
    titles, beside = beside_size(subset, ranking.scores, ranking.proxy)
    values = {
        "rows": [
            [name_of(name), *correlations(each)] for name, each in {**subset.agreement, **ceilings(subset)}.items()
        ],
        "sentences": [*sentences, *([FITTED] if subset.additive is not None and is_whole else [])],
        "titles": titles,
        "beside": beside,
        "is_first": is_first,
        "num_resamples": ranking.num_resamples,
    }
    anchor = subset.name.replace("_", "-")
    return section(anchor, TITLES[subset.name], "lab/ranking_subset", subset=subset, **values)


def _scatter_section(ranking: Ranking) -> Section:
    accuracy = 100 * np.array(ranking.networks["accuracy"])
    shown = even_steps(len(accuracy), MOST_DOTS)
    taus = {name: signed(ranking.subsets[0].agreement[name].kendall, 3) for name in _varying(ranking)}
    chart = Chart([f"{name_of(name)}, tau {tau}" for name, tau in taus.items()], columns=3, height=200, share_y=True)
    names = [ranking.networks["architecture"][row] for row in shown]
    for panel, name in enumerate(taus):
        x, y = np.array(ranking.networks[name])[shown].tolist(), accuracy[shown].tolist()
        texts = [f"{network}: {a:,.6g}, {b:.2f} %" for network, a, b in zip(names, x, y, strict=True)]
        chart.add(Marks(x=x, y=y, color=_color(ranking, name), size=4, opacity=0.5, titles=texts), panel)
        chart.x(panel, title=name_of(name), most_ticks=4)
        chart.y(panel, title="accuracy (%)")
    numbers = {"num_shown": len(shown), "num_rows": len(accuracy)}
    return section("scatter", "Accuracy against predictors", "lab/ranking_scatter", chart=chart, **numbers)


def _ranks_section(ranking: Ranking) -> Section:
    accuracy = np.array(ranking.networks["accuracy"])
    order = np.argsort(-accuracy, kind="stable")
    shown = order[even_steps(len(order), MOST_LINES)]
    predictors, last = _varying(ranking), len(shown)
    chart = Chart([name_of(name) for name in predictors], columns=4, height=240)
    places = {place: str(place) for place in sorted({1, last // 3, 2 * last // 3, last} - {0})}
    for panel, name in enumerate(predictors):
        values = np.array(ranking.networks[name])[shown]
        left = ranks(values if name in ranking.scores else -values)
        right = ranks(-accuracy[shown])
        x = np.tile([0.0, 1.0, np.nan], len(shown))
        y = np.column_stack([left, right, np.full(len(shown), np.nan)]).ravel()
        chart.add(Marks(x=x.tolist(), y=y.tolist(), color=_color(ranking, name), line=1), panel)
        chart.x(panel, ticks={0.0: "predicted", 1.0: "true"}, range=(-0.15, 1.15))
        chart.y(panel, title="rank (1 is the best)", range=(last + 1, 0), ticks=places)
    numbers = {"num_shown": len(shown), "num_rows": len(accuracy)}
    return section("ranks", "Predicted and true rank", "lab/ranking_ranks", chart=chart, **numbers)


def _regret_section(ranking: Ranking) -> Section:
    chart = Chart(height=320)
    macs = [each.macs for each in ranking.budgets]

    def add(name: str, values: list[float], color: str, dash: str = "") -> None:
        shares = [100 * value for value in values]
        texts = [f"{name}, {limit:,} MACs: {value:.2f} %" for limit, value in zip(macs, shares, strict=True)]
        chart.add(Marks(x=macs, y=shares, color=color, line=2, dash=dash, size=5, name=name, titles=texts))

    add("the best there is", [each.best for each in ranking.budgets], INK)
    for position, name in enumerate(ranking.predictors):
        dash = "" if name in ranking.scores else "dot"
        add(name_of(name), [each.picks[name].accuracy for each in ranking.budgets], color_of(position), dash)
    add(name_of("random"), [each.random for each in ranking.budgets], GREY, "dash")
    chart.x(title="budget (multiply-adds, at most)")
    chart.y(title="accuracy of the pick (%)")
    values = {
        "search_score": name_of(ranking.search_score),
        "picked_by": ranking.picked_by,
        "rows": [[name_of(name), f"{100 * ranking.regret(name):.2f}"] for name in ranking.pickers],
        "num_budgets": len(macs),
    }
    return section("regret", "Regret under budgets", "lab/ranking_regret", chart=chart, **values)


def _varying(ranking: Ranking) -> list[str]:
    """Return the predictors that tell networks apart; of others there is nothing to draw."""
    return [name for name in ranking.predictors if len(set(ranking.networks[name])) > 1]


def _color(ranking: Ranking, predictor: str) -> str:
    return PALETTE[0] if predictor in ranking.scores else QUIET


def even_steps(number: int, most: int) -> npt.NDArray[np.int64]:
    """Return all positions, or `most` of them at even steps, the first and last included.

    >>> even_steps(5, 9).tolist(), even_steps(9, 3).tolist()
    ([0, 1, 2, 3, 4], [0, 4, 8])
    """
    return np.arange(number) if number <= most else np.linspace(0, number - 1, most).round().astype(np.int64)


def ranks(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the rank of each value, 1 for the lowest; equal values share the mean of theirs.

    >>> ranks(np.array([3.0, 1.0, 3.0])).tolist()
    [2.5, 1.0, 2.5]
    """
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[inverse]
