"""The ranking of a run: its ratings against a benchmark of trained networks, without torch.

It reads ratings and costs, never the supernet, and leaves ``rankings/NAME/ranking.json`` and a page beside it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from helixnas.artifacts.ranking import Ranking, SubsetRanking
from helixnas.errors import ArtifactError
from helixnas.lab import Benchmark, Summed, load_benchmark, rank
from helixnas.pipeline.baseline_ranking import MADE_BY, show_comparison, with_baselines
from helixnas.pipeline.reporting import Reporter
from helixnas.pipeline.run_folder import RunFolder
from helixnas.pipeline.run_search import search_config
from helixnas.pipeline.searching import load_tables
from helixnas.report import build_ranking_page
from helixnas.report.elements.naming import name_of
from helixnas.report.elements.wording import figure_text
from helixnas.report.lab.ranking_text import FITTED, TITLES, ceilings, noise, verdict
from helixnas.space import load_space


@dataclass(frozen=True, kw_only=True)
class RankedRun:
    """What a ranking leaves."""

    ranking: Ranking
    """The figures."""

    figures: Path
    """Their file."""

    page: Path
    """The page that shows them."""


def rank_run(
    folder: RunFolder,
    benchmark: Path,
    reporter: Reporter,
    *,
    scores: Sequence[tuple[str, ...]] = (),
    num_resamples: int = 500,
    seed: int = 0,
) -> RankedRun:
    """Rank the rated paths of a run against a benchmark file; write figures and page.

    Args:
        folder: the run; its paths must be rated.
        benchmark: a file of HelixNAS's schema, or NAS-Bench-Macro's own.
        reporter: what to tell and show.
        scores: kinds of score to add up, beside each alone and what the run's searches add up.
        num_resamples: bootstrap resamples of every interval.
        seed: decides the resamples.

    Raises:
        ArtifactError: the run is not rated yet, or the file holds no benchmark of its space.
    """
    if benchmark.stem.strip(".") == "":
        raise ArtifactError(
            f"{benchmark} names no folder for its ranking; give the benchmark's file a name before .json"
        )
    record = folder.load_record()
    tables, settings = load_tables(folder, record), folder.load_settings()
    try:
        space = load_space(settings["space"])
        configs = [search_config(values) for values in settings["searches"].values()]
    except (KeyError, TypeError, AttributeError) as error:
        raise ArtifactError(
            f"{folder.config} was changed by hand and lacks settings ({error}); "
            f"run the recipe again with --out {folder.path}"
        ) from error
    first = tuple(tables.ratings[0].scores)[:1]
    searches = [Summed(scores=config.scores or first, weights=config.weights) for config in configs]
    searches += [Summed(scores=names) for names in scores]
    with reporter.progress("reading the benchmark", 1) as advance:
        trained = load_benchmark(benchmark).as_in(space)
        advance(1)
    _say_of_trainings(trained, reporter)
    with reporter.progress("resampling networks", num_resamples) as advance:
        ranking = rank(
            trained,
            tables,
            space,
            searches=searches,
            num_resamples=num_resamples,
            seed=seed,
            advance=lambda done, total: advance(done, total=total),
        )
    made_by = {name: record.stages[name] for name in MADE_BY if name in record.stages}
    stages = {
        name: {"key": stage.key, "seconds": stage.seconds, "core_seconds": stage.core_seconds}
        for name, stage in made_by.items()
    }
    ranking = replace(ranking, run={"recipe": record.recipe, "stages": stages})
    ranking = with_baselines(ranking, folder, record, reporter, seed=seed)
    where = folder.ranking(trained.name)
    ranking.save(where / "ranking.json")
    build_ranking_page(ranking, where / "ranking.html")
    return RankedRun(ranking=ranking, figures=where / "ranking.json", page=where / "ranking.html")


def _say_of_trainings(benchmark: Benchmark, reporter: Reporter) -> None:
    """Say it where networks were not trained equally often, because means are not equally steady then."""
    numbers = [len(network.accuracy) for network in benchmark.networks]
    if min(numbers, default=0) < max(numbers, default=0):
        few = sum(number == min(numbers) for number in numbers)
        reporter.say(
            f"{few:,} of the {len(numbers):,} networks of {benchmark.name} were trained {min(numbers)} x, others up to "
            f"{max(numbers)} x: means rest on all trainings, the noise ceiling on the first {min(numbers)} of each"
        )


def show_ranking(console: Console, ranked: RankedRun) -> None:
    """Print the figures of a ranking as tables, and what they say in a sentence each."""
    ranking = ranked.ranking
    for subset in ranking.subsets:
        console.print(_correlations(subset))
        if subset.best_pearson is not None:
            _say(console, noise(subset.best_pearson))
        if subset.additive is not None and subset.name == "all":
            _say(console, FITTED)
        for score in ranking.scores:
            _say(console, verdict(subset, score))
    for name, reason in ranking.skipped.items():
        _say(console, f"{TITLES[name]}: left out, {reason}.")
    for comparison in ranking.baselines:
        show_comparison(console, comparison)
    console.print(_regret(ranking))
    _say(console, f"figures: {ranked.figures}")
    _say(console, f"page: {ranked.page}")


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


def _say(console: Console, text: str) -> None:
    console.print(text, highlight=False, soft_wrap=True, markup=False)
