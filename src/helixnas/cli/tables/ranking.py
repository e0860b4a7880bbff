"""Tables of a ranking: correlations, regret and baselines in 80 columns; the page has every interval."""

from rich.console import Console
from rich.table import Table

from helixnas.artifacts.comparison import Comparison
from helixnas.artifacts.ranking import Ranking, SubsetRanking
from helixnas.cli.option_values import say
from helixnas.cli.tables.table import figure_table
from helixnas.pipeline.ad_hoc.rank import RankedRun
from helixnas.report.elements.wording import correlations, interval_text, name_of, signed
from helixnas.report.lab.baseline_text import COST, accelerators, beyond_proxy, cells_of, title_of
from helixnas.report.lab.ranking_text import FITTED, TITLES, ceilings, headline_first, noise, spent, verdict

PARTIAL = (
    "tau: Kendall's tau-b; partial: Spearman's rho with MACs, parameters and depth held fixed, its interval "
    "on the page."
)


def show_ranking(console: Console, ranked: RankedRun) -> None:
    """Print the figures of a ranking as tables, each followed by its conclusion in a sentence."""
    ranking = ranked.ranking
    console.print(_regret(ranking))
    if cost := spent(ranking):
        say(console, cost)
    for subset in headline_first(ranking.subsets):
        console.print(_correlations(subset))
        if subset.best_pearson is not None:
            say(console, noise(subset.best_pearson))
        if subset.additive is not None and subset.name == "all":
            say(console, FITTED)
        for score in ranking.scores:
            say(console, verdict(subset, score, ranking.proxy))
    for name, reason in ranking.skipped.items():
        say(console, f"{TITLES[name]}: left out, {reason}.")
    for comparison in ranking.baselines:
        show_comparison(console, comparison)
    say(console, f"figures: {ranked.figures}")
    say(console, f"page: {ranked.page}")


def _correlations(subset: SubsetRanking) -> Table:
    title = f"{TITLES[subset.name]}: {subset.num_rows:,} rows, {subset.num_networks:,} networks"
    table = figure_table(title, "predictor", "Kendall tau-b", "Spearman", "Pearson")
    named = {name_of(name): each for name, each in subset.agreement.items()}
    for name, each in {**named, **ceilings(subset)}.items():
        table.add_row(name, *correlations(each))
    return table


def _regret(ranking: Ranking) -> Table:
    """Return a row per predictor: the mean and largest regret of its picks over the budgets."""
    number = f"{len(ranking.budgets)} budgets on multiply-adds"
    title = f"Regret in points of accuracy under {number}; picked by {ranking.picked_by}"
    table = figure_table(title, "predictor", "mean regret", "largest", "under a limit of (MACs)")
    for name in ranking.pickers:
        regrets = ranking.regrets(name)
        limit = ranking.budgets[regrets.index(max(regrets))].macs
        table.add_row(name_of(name), f"{100 * ranking.regret(name):.2f}", f"{100 * max(regrets):.2f}", f"{limit:,}")
    return table


def show_comparison(console: Console, comparison: Comparison) -> None:
    """Print a run and its baselines on the same networks, one line each."""
    heads = ("epochs", "images", "core-s", "tau", "95 %", "partial")
    table = figure_table(title_of(comparison), "ranked by", *heads, narrow=True)
    previous = comparison.rows[0].kind if comparison.rows else ""
    for row in comparison.rows:
        if row.kind != previous:
            table.add_section()
        previous = row.kind
        name, epochs, images, core_seconds, *_ = cells_of(row)
        tau, interval = signed(row.agreement.kendall, 3), interval_text(row.agreement.kendall_interval, 3)
        beyond = "" if row.kind == "size" else signed(row.partial.value, 3)
        table.add_row(name, epochs, images, core_seconds, tau, interval, beyond)
    console.print(table)
    for text in (PARTIAL, beyond_proxy(comparison), COST, accelerators(comparison)):
        if text:
            say(console, text)
