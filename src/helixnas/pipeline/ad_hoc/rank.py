"""Ranking of a run: its ratings against a benchmark of trained networks and beside its baselines, without torch.

Reads ratings and costs, never the supernet; writes ``rankings/NAME/ranking.json`` and a page beside it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from helixnas.artifacts import RunRecord
from helixnas.artifacts.baseline import PROXIES, Baseline
from helixnas.artifacts.ranking import CALIBRATED, Ranking
from helixnas.artifacts.run_folder import RunFolder
from helixnas.engine.progress import Reporter
from helixnas.errors import ArtifactError
from helixnas.lab import Benchmark, Summed, load_benchmark, rank
from helixnas.lab.comparison import RunCost, compare
from helixnas.pipeline.work.search import ADDED, load_tables, outdated_scores, reading_settings, require_scores
from helixnas.report import build_ranking_page
from helixnas.search.config import search_config
from helixnas.space import load_space

MADE_BY = ("teacher", "distill", "rate")
"""Stages that make the rated scores: the first two see training images."""


@dataclass(frozen=True, kw_only=True)
class RankedRun:
    """A ranking, the file of its figures, and the page that shows them."""

    ranking: Ranking
    figures: Path
    page: Path


def rank_run(
    folder: RunFolder,
    benchmark: Path,
    reporter: Reporter,
    *,
    scores: Sequence[tuple[str, ...]] = (),
    first: str = "",
    num_resamples: int = 500,
    seed: int = 0,
) -> RankedRun:
    """Rank the rated paths of a run against a benchmark file; write figures and page.

    The benchmark is a file of HelixNAS's schema, or NAS-Bench-Macro's own. `scores` are sums of kinds of score to rank
    by, in addition to each kind and the sums of the run's searches; the `first` of the searches, by name, is the one whose sum
    counts as the run's own. `num_resamples` and `seed` are of the bootstrap.
    Proxies and calibrated scores that are out of date are left out, with a word about it.
    Raises `ArtifactError` if the run is not rated yet, a sum names a score that is out of date, or the file holds no benchmark of
    its space.
    """
    if benchmark.stem.strip(".") == "":
        raise ArtifactError(
            f"{benchmark} names no folder for its ranking; give the benchmark's file a name before .json"
        )
    record = folder.load_record()
    tables, settings = load_tables(folder, record), folder.load_settings()
    with reading_settings(folder):
        space = load_space(settings["space"])
        configs = {name: search_config(values) for name, values in settings["searches"].items()}
    searches = [Summed.of(configs[name], tables) for name in sorted(configs, key=lambda name: name != first)]
    searches += [Summed(scores=names) for names in scores]
    for each in searches:
        require_scores(each.scores, tables, folder)
    left_out = outdated_scores(folder, record)
    for text in left_out.values():
        reporter.say(f"scores are left out: {text}")
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
    stages = {
        name: {"key": stage.key, "seconds": stage.seconds, "core_seconds": stage.cost}
        for name in (*MADE_BY, *ADDED)
        if name not in left_out and (stage := record.stages.get(name)) is not None
    }
    ranking = replace(ranking, run={"recipe": record.recipe, "stages": stages})
    ranking = _with_baselines(ranking, folder, record, reporter, seed=seed)
    where = folder.ranking(trained.name)
    ranking.save(where / "ranking.json")
    build_ranking_page(ranking, where / "ranking.html")
    return RankedRun(ranking=ranking, figures=where / "ranking.json", page=where / "ranking.html")


def _say_of_trainings(benchmark: Benchmark, reporter: Reporter) -> None:
    """Report networks that were not trained equally often, because their mean accuracies differ in noise."""
    numbers = [len(network.accuracy) for network in benchmark.networks]
    if min(numbers, default=0) < max(numbers, default=0):
        few = sum(number == min(numbers) for number in numbers)
        reporter.say(
            f"{few:,} of the {len(numbers):,} networks of {benchmark.name} were trained {min(numbers)} x, others up to "
            f"{max(numbers)} x: means use all trainings, the noise ceiling on the first {min(numbers)} of each"
        )


def _with_baselines(
    ranking: Ranking, folder: RunFolder, record: RunRecord, reporter: Reporter, *, seed: int
) -> Ranking:
    """Return the ranking with every baseline of the run that rates networks of the benchmark only."""
    known, found = set(ranking.networks["architecture"]), list[Baseline]()
    for file in sorted(folder.path.glob("baselines/*.json")):
        baseline = Baseline.load(file)
        if not known.issuperset(baseline.networks):
            reporter.say(
                f"{file} is left out: it rates networks of {baseline.benchmark}, which are not all in this benchmark"
            )
        elif baseline.points:
            found.append(baseline)
    if not found:
        return ranking
    with reporter.progress("comparing baselines", len(found)) as advance:
        comparisons = compare(
            ranking,
            found,
            cost=_cost_of(record),
            num_resamples=ranking.num_resamples,
            seed=seed,
            advance=lambda done, total: advance(done, total=total),
        )
    return replace(ranking, baselines=comparisons)


def _cost_of(record: RunRecord) -> RunCost:
    """Return the cost of a run's scores; None for a figure that a stage did not record."""
    found = [record.stages.get(name) for name in MADE_BY]
    images = [stage.facts.get("images") for stage in found[:2] if stage is not None]
    shown = [number for number in images if isinstance(number, int)]
    rated, (proxies, calibration) = _sum(_costs(record, MADE_BY)), _costs(record, ADDED)
    corrected = _sum([rated, calibration, *([proxies] if "proxies" in record.stages else [])])
    return RunCost(
        images_seen=sum(shown) if len(shown) == 2 else None,
        core_seconds=rated,
        apart={**dict.fromkeys(PROXIES, proxies), CALIBRATED: corrected},
    )


def _costs(record: RunRecord, names: Sequence[str]) -> list[float | None]:
    return [None if (stage := record.stages.get(name)) is None else stage.cost for name in names]


def _sum(costs: Sequence[float | None]) -> float | None:
    """Return the sum of costs; None if one is not known."""
    known = [cost for cost in costs if cost is not None]
    return sum(known) if len(known) == len(costs) else None
