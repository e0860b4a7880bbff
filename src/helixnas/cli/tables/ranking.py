"""A ranking on the terminal: correlations, regret and baselines, readable at 80 columns; the page has every interval."""

from rich.console import Console
from rich.table import Table

from helixnas.artifacts.comparison import Comparison
from helixnas.artifacts.ranking import Ranking, SubsetRanking
from helixnas.cli.option_values import say
from helixnas.cli.tables.narrow import narrow_table
from helixnas.experiments.ranking import RankedRun
from helixnas.report.elements.naming import name_of
from helixnas.report.elements.wording import figure_text, signed
from helixnas.report.lab.baseline_text import COST, accelerators, cells_of, title_of
from helixnas.report.lab.ranking_text import FITTED, TITLES, ceilings, noise, verdict

COLUMNS = ("what ranks", "epochs", "images", "core-s", "tau", "95 %", "partial")
"""Heads of the table on a terminal."""

PARTIAL = (
    "tau: Kendall's tau-b; partial: Spearman's rho that is left when MACs, parameters and depth are held fixed, its interval "
    "on the page."
)


def show_ranking(console: Console, ranked: RankedRun) -> None:
    """Print the figures of a ranking as tables, and what they say in a sentence each."""
    ranking = ranked.ranking
    for subset in ranking.subsets:
        console.print(_correlations(subset))
        if subset.best_pearson is not None:
            say(console, noise(subset.best_pearson))
        if subset.additive is not None and subset.name == "all":
            say(console, FITTED)
        for score in ranking.scores:
            say(console, verdict(subset, score))
    for name, reason in ranking.skipped.items():
        say(console, f"{TITLES[name]}: left out, {reason}.")
    for comparison in ranking.baselines:
        show_comparison(console, comparison)
    console.print(_regret(ranking))
    say(console, f"figures: {ranked.figures}")
    say(console, f"page: {ranked.page}")


def _correlations(subset: SubsetRanking) -> Table:
    title = f"{TITLES[subset.name]}: {subset.num_rows:,} rows, {subset.num_networks:,} networks"
    table = Table(title=title, title_justify="left")
    table.add_column("what predicts", overflow="fold")
    for kind in ("Kendall tau-b", "Spearman", "Pearson"):
        table.add_column(kind, justify="right")
    named = {name_of(name): each for name, each in subset.agreement.items()}
    for name, each in {**named, **ceilings(subset)}.items():
        table.add_row(
            name,
            figure_text(each.kendall, each.kendall_interval),
            figure_text(each.spearman, each.spearman_interval),
            figure_text(each.pearson, each.pearson_interval),
        )
    return table


def _regret(ranking: Ranking) -> Table:
    """Return, a row per predictor, by how much its picks fall short: the mean over the budgets, and the largest."""
    number = f"{len(ranking.budgets)} budgets on multiply-adds"
    table = Table(title=f"Regret in points of accuracy under {number}; picked by {ranking.picked_by}")
    table.title_justify = "left"
    table.add_column("what picks", overflow="fold")
    for column in ("mean regret", "largest", "under a limit of (MACs)"):
        table.add_column(column, justify="right")
    for name in ranking.pickers:
        regrets = ranking.regrets(name)
        limit = ranking.budgets[regrets.index(max(regrets))].macs
        table.add_row(name_of(name), f"{100 * ranking.regret(name):.2f}", f"{100 * max(regrets):.2f}", f"{limit:,}")
    return table


def show_comparison(console: Console, comparison: Comparison) -> None:
    """Print a run and its baselines on the same networks, a line each at 80 columns; the page has every interval."""
    table = narrow_table(title_of(comparison), *COLUMNS)
    previous = comparison.rows[0].kind if comparison.rows else ""
    for row in comparison.rows:
        if row.kind != previous:
            table.add_section()
        previous = row.kind
        name, epochs, images, core_seconds, *_ = cells_of(row)
        low, high = row.agreement.kendall_interval
        interval = f"{signed(low, 3)} to {signed(high, 3)}"
        beyond = "" if row.kind == "size" else signed(row.partial.value, 3)
        table.add_row(name, epochs, images, core_seconds, signed(row.agreement.kendall, 3), interval, beyond)
    console.print(table)
    for text in (PARTIAL, COST, accelerators(comparison)):
        if text:
            console.print(text, highlight=False, soft_wrap=True, markup=False)
