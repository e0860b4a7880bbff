"""The ranking of a run: its ratings against a benchmark of trained networks, without torch.

It reads ratings and costs, never the supernet, and leaves ``rankings/NAME/ranking.json`` and a page beside it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from helixnas.artifacts.ranking import Ranking
from helixnas.artifacts.run_folder import RunFolder
from helixnas.engine.progress import Reporter
from helixnas.errors import ArtifactError
from helixnas.experiments.baseline_ranking import MADE_BY, with_baselines
from helixnas.lab import Benchmark, Summed, load_benchmark, rank
from helixnas.pipeline.work.search import load_tables
from helixnas.report import build_ranking_page
from helixnas.search.config import search_config
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
