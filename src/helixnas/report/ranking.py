"""The page of a ranking: scores and sizes against the trained accuracies of a benchmark (Fig. 6 and 7 of the paper)."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from helixnas.artifacts.agreement import Agreement
from helixnas.artifacts.files import write_text
from helixnas.artifacts.ranking import ADDITIVE, SIZES, Ranking, SubsetRanking
from helixnas.report.baselines import baselines_sections
from helixnas.report.charts import INK, PALETTE, QUIET, color_of, label, panels, place, style, to_html
from helixnas.report.markup import Section, figure, listed, paragraph, signed, table
from helixnas.report.naming import figure_text, name_of
from helixnas.report.page import document

TITLES = {"all": "All networks", "top_decile": "Top decile", "no_identity": "No identity"}

MOST_DOTS = 1500
"""Dots of a scatter plot; of more networks, so many are drawn at even steps."""

MOST_LINES = 60
"""Lines between the two rankings."""

FITTED = (
    "The best additive fit gives every path of a block the value that, added up over blocks, comes nearest to the logarithm "
    "of the benchmark's own mean error. It has seen what the scores are to predict, so it is no method, and no bound either: it "
    "fits all networks, so another sum may pick better under a budget."
)


def build_ranking_page(ranking: Ranking, target: Path) -> None:
    """Write the page, whole or not at all."""
    write_text(target, render_ranking(ranking))


def render_ranking(ranking: Ranking) -> str:
    """Return the page as HTML."""
    sections = [
        _summary(ranking),
        *(_subset_section(ranking, each) for each in ranking.subsets),
        *baselines_sections(ranking),
        _scatter_section(ranking),
        _lines_section(ranking),
        _regret_section(ranking),
    ]
    facts = ranking.benchmark
    told = f"{facts['num_rows']:,} rows"
    if facts["num_networks"] != facts["num_rows"]:
        told += f", which name {facts['num_networks']:,} different networks"
    return document(f"Ranking against {facts['name']}", f"{told}.", sections)


def verdict(subset: SubsetRanking, score: str) -> str:
    """Return in words whether a score ranks better than size alone does, and what it knows beyond size."""
    lead = subset.lead[score]
    best = min(SIZES, key=lambda size: lead[size].value)
    gap, beyond = lead[best], subset.partial[score]
    figures = f"{signed(gap.value, 3)}, 95 % interval {signed(gap.interval[0], 3)} to {signed(gap.interval[1], 3)}"
    if gap.interval[0] > 0:
        told = f"Ranking by {name_of(score)} is better than by any size alone; the closest is {name_of(best)}"
    elif gap.interval[1] < 0:
        told = f"Ranking by {name_of(best)} alone is better than by {name_of(score)}"
    else:
        told = f"Ranking by {name_of(score)} and by {name_of(best)} alone are not told apart"
    low, high = beyond.interval
    knows = (
        "; the interval includes 0, so it may know nothing beyond size"
        if low <= 0 <= high
        else ": what it knows beyond size"
        if low > 0
        else ": among networks of equal size it prefers the worse"
    )
    return (
        f"{told} (lead of the score in tau {figures}). With MACs, parameters and depth held fixed, its Spearman correlation "
        f"is {figure_text(beyond.value, beyond.interval)}{knows}."
    )


def _summary(ranking: Ranking) -> Section:
    body = paragraph(verdict(ranking.subsets[0], ranking.search_score))
    body += paragraph(
        f"That is what the search adds up. Its picks under {len(ranking.budgets)} budgets fall "
        f"{100 * ranking.regret(ranking.search_score):.2f} points of accuracy short of the best on average; random picks "
        f"{100 * ranking.regret('random'):.2f}."
    )
    if ranking.skipped:
        left = listed([f"{TITLES[name].lower()} ({reason})" for name, reason in ranking.skipped.items()])
        body += paragraph(f"Left out, because there are too few networks: {left}.")
    return Section(anchor="summary", title="Summary", body=body)


def _subset_section(ranking: Ranking, subset: SubsetRanking) -> Section:
    rows = [
        [
            name_of(name),
            *(
                figure_text(getattr(each, kind), getattr(each, f"{kind}_interval"))
                for kind in ("kendall", "spearman", "pearson")
            ),
        ]
        for name, each in {**subset.agreement, **ceilings(subset)}.items()
    ]
    told = f"{subset.num_rows:,} rows" + (
        f" of {subset.num_networks:,} networks" if subset.num_networks != subset.num_rows else ""
    )
    body = paragraph(f"{subset.meaning[0].upper()}{subset.meaning[1:]}: {told}.")
    body += table(
        ["what predicts", "Kendall tau-b", "Spearman", "Pearson"],
        rows,
        caption=(
            "Correlation with the mean accuracy, and its 95 % interval by bootstrap over networks "
            f"({ranking.num_resamples:,} resamples); positive where a lower score or a larger size goes with a higher accuracy."
        ),
    )
    if subset.best_pearson is not None:
        body += paragraph(noise(subset.best_pearson))
    if subset.additive is not None and subset.name == "all":
        body += paragraph(FITTED)
    body += "".join(paragraph(verdict(subset, score)) for score in ranking.scores)
    return Section(anchor=subset.name.replace("_", "-"), title=TITLES[subset.name], body=body)


def noise(best_pearson: float) -> str:
    """Return in words what the noise of training leaves to be predicted."""
    return (
        "One training against another is the noise of both; the mean over trainings is steadier, so a predictor may "
        "correlate with it better than that. A perfect one would reach a Pearson correlation of "
        f"{signed(best_pearson, 3)} (Spearman-Brown)."
    )


def ceilings(subset: SubsetRanking) -> dict[str, Agreement]:
    """Return what predictors are held against, by what a row is called: other trainings, and the best additive fit."""
    found = {f"training {pair.replace('and', 'against')}": each for pair, each in subset.ceiling.items()}
    return found if subset.additive is None else {**found, name_of(ADDITIVE): subset.additive}


def _scatter_section(ranking: Ranking) -> Section:
    accuracy = 100 * np.array(ranking.networks["accuracy"])
    shown = even_steps(len(accuracy), MOST_DOTS)
    names, columns = ranking.predictors, 3
    chart = panels([_panel_title(ranking, name) for name in names], columns=columns, height=230, share_y=True)
    for position, name in enumerate(names):
        at = place(position, columns=columns, number=len(names))
        values = np.array(ranking.networks[name])
        dots = go.Scatter(x=values[shown], y=accuracy[shown], mode="markers", showlegend=False)
        dots.update(marker={"size": 4, "opacity": 0.5, "color": PALETTE[0] if name in ranking.scores else QUIET})
        dots.update(customdata=[label(ranking.networks["architecture"][row]) for row in shown])
        chart.add_trace(dots.update(hovertemplate="%{customdata}<br>%{x:,}, %{y:.2f} %<extra></extra>"), **at)
        chart.update_xaxes(title_text=label(name_of(name)), nticks=6, **at)
        chart.update_yaxes(title_text="accuracy (%)" if at["col"] == 1 else None, **at)
    caption = (
        "Each dot is a network: its mean trained accuracy over what predicts it. A useful score falls from left to right "
        "(lower scores are better), a useful size rises."
    )
    if len(shown) < len(accuracy):
        caption += f" Drawn are {len(shown):,} of {len(accuracy):,} rows, at even steps; the figures are those of all."
    drawn = to_html(chart, name="scatter", description="Trained accuracy over every predictor")
    return Section(anchor="scatter", title="Accuracy against predictors", body=figure(drawn, caption))


def _panel_title(ranking: Ranking, name: str) -> str:
    return f"{name_of(name)}, tau {signed(ranking.subsets[0].agreement[name].kendall, 3)}"


def _lines_section(ranking: Ranking) -> Section:
    accuracy = np.array(ranking.networks["accuracy"])
    order = np.argsort(-accuracy, kind="stable")
    shown = order[even_steps(len(order), MOST_LINES)]
    names, columns = ranking.predictors, 5
    chart = panels([name_of(name) for name in names], columns=columns, height=300)
    for position, name in enumerate(names):
        at = place(position, columns=columns, number=len(names))
        values = np.array(ranking.networks[name])[shown]
        left = ranks(values if name in ranking.scores else -values)
        right = ranks(-accuracy[shown])
        color = PALETTE[0] if name in ranking.scores else QUIET
        x = np.tile([0.0, 1.0, np.nan], len(shown))
        y = np.column_stack([left, right, np.full(len(shown), np.nan)]).ravel()
        lines = go.Scatter(
            x=x, y=y, mode="lines", showlegend=False, hoverinfo="skip", line={"color": color, "width": 1}
        )
        chart.add_trace(lines, **at)
        chart.update_xaxes(tickvals=[0, 1], ticktext=["predicted", "true"], range=[-0.08, 1.08], showgrid=False, **at)
        chart.update_yaxes(
            autorange="reversed", title_text="rank (1 is the best)" if at["col"] == 1 else None, nticks=5, **at
        )
    caption = (
        "A line per network from its predicted rank to its true one; level lines mean the same rank, crossing lines a "
        "pair in the wrong order (Fig. 6 of the paper). Networks that are predicted alike share the mean of their ranks. "
        f"Drawn are {len(shown):,} of {len(accuracy):,} rows, at even steps of the true ranking, ranked among themselves."
    )
    drawn = to_html(chart, name="ranks", description="Predicted and true ranks, a line per network")
    return Section(anchor="ranks", title="Predicted and true rank", body=figure(drawn, caption))


def _regret_section(ranking: Ranking) -> Section:
    macs = [each.macs for each in ranking.budgets]
    chart = style(go.Figure(), height=380, top=16, bottom=86).update_layout(showlegend=True)

    def add(name: str, values: list[float], color: str, dash: str = "solid") -> None:
        line = go.Scatter(x=macs, y=[100 * value for value in values], mode="lines+markers", name=label(name))
        line.update(line={"color": color, "width": 2, "dash": dash}, marker={"size": 5})
        chart.add_trace(line.update(hovertemplate=f"{label(name)}<br>%{{x:,}}: %{{y:.2f}} %<extra></extra>"))

    add("the best there is", [each.best for each in ranking.budgets], INK)
    for position, name in enumerate(ranking.predictors):
        dash = "solid" if name in ranking.scores else "dot"
        add(name_of(name), [each.picks[name].accuracy for each in ranking.budgets], color_of(position), dash)
    add(name_of("random"), [each.random for each in ranking.budgets], "#b3bac2", "dash")
    chart.update_xaxes(title_text="budget (multiply-adds, at most)")
    chart.update_yaxes(title_text="accuracy of the pick (%)")
    caption = (
        "Mean trained accuracy of the network that each predictor would choose under a budget; the gap to the black line "
        f"is the regret. {name_of(ranking.search_score)} is picked by {ranking.picked_by}; sizes pick the largest, "
        "or a random one of those they cannot tell apart."
    )
    drawn = to_html(chart, name="regret", description="Accuracy of the picks under ten budgets")
    rows = [[name_of(name), f"{100 * ranking.regret(name):.2f}"] for name in ranking.pickers]
    body = figure(drawn, caption) + table(
        ["what picks", "mean regret (points)"],
        rows,
        caption=f"Accuracy that the picks fall short of the best, in points, mean over {len(macs)} budgets.",
    )
    return Section(anchor="regret", title="Regret under budgets", body=body)


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
