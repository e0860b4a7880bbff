"""Work of the search stage: the proven best architecture under budgets, in milliseconds and without torch.

Reads ratings and costs, never the supernet. Named searches never overwrite each other.
"""

from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from helixnas.artifacts.baseline import PROXIES
from helixnas.artifacts.cost_table import LATENCY, CostTable
from helixnas.artifacts.files import damaged, write_text
from helixnas.artifacts.front import Front
from helixnas.artifacts.ranking import CALIBRATED
from helixnas.artifacts.run_folder import RunFolder
from helixnas.artifacts.run_record import RunRecord
from helixnas.artifacts.search_record import RunnerUp, SearchRecord
from helixnas.errors import ArtifactError, ConfigError, HelixError
from helixnas.pipeline.plan import outdated
from helixnas.pipeline.stage import Result, RunContext
from helixnas.pipeline.work.latency_budget import LatencyCheck, keep_budget, meter_of
from helixnas.pipeline.work.warning_signs import search_warnings, warned
from helixnas.search import (
    Budget,
    Comparison,
    SearchResult,
    Tables,
    certify,
    compare,
    is_feasible,
    parse_limits,
    scored,
    solve,
    solve_diverse,
)
from helixnas.search.amounts import LATENCY_LIMITS
from helixnas.search.budget import front_resources, tie_order
from helixnas.search.config import SearchConfig, search_config
from helixnas.search.stored import stored_tables
from helixnas.search.tables import unrated_tables
from helixnas.space import Architecture, SearchSpace

NUM_RUNNERS_UP = 10

ADDED = ("proxies", "calibrate")
"""Stages whose scores stand beside the rated ones."""

SCORES_ADDED = (*PROXIES, CALIBRATED)
"""Those scores."""

ARCHITECTURE = "architecture.json"
FRONT = "front.parquet"
RESULT = "result.json"
CERTIFICATE = "certificate.json"
COMPARISON = "comparison.json"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Result of one named search."""

    architecture: Architecture
    result: SearchResult
    """Answers, front and proof of the solver."""

    comparisons: tuple[Comparison, ...]
    """The next ten compared with the winner on the same rating images."""

    teacher: Mapping[str, int]
    """Known costs of the teacher."""

    config: SearchConfig
    scores: Mapping[str, float]
    """Factor of each kind of score in the sum."""

    latency: LatencyCheck | None = None
    """The check of a latency budget; None without one."""

    warnings: tuple[str, ...] = ()
    """Sentences about a result that is valid and rarely what was wanted."""

    @property
    def predicted_ns(self) -> int:
        """Latency of the winner as the sum of its parts, if latency is limited."""
        return self.result.best().costs[LATENCY]

    def facts(self) -> dict[str, Any]:
        """Return the main figures as plain values, for the record of a run."""
        best = self.result.best()
        figures: dict[str, Any] = {"status": self.result.status, "score": best.score * 1e-12, **best.costs}
        if self.latency is not None:
            figures["latency"] = self.latency.text
        return {**figures, "architecture": self.architecture.text}


def search(context: RunContext, key: str, search: str) -> Result:
    """Find the best architecture under the budgets of one named search."""
    folder, record = context.folder, context.folder.load_record()
    tables, space = load_tables(folder, record), context.recipe.search_space
    config = context.recipe.searches[search]
    outcome = find_in_run(config, space, tables, teacher_costs(record), folder, name=search)
    files = save_outcome(outcome, folder.search(search))
    facts = {**outcome.facts(), **warned(context, outcome.warnings, f"search {search}: ")}
    return Result(tuple(f"searches/{search}/{file}" for file in files), facts)


def find_in_run(
    config: SearchConfig,
    space: SearchSpace,
    tables: Tables,
    teacher: Mapping[str, int],
    folder: RunFolder,
    *,
    name: str,
    num_best: int = 1,
) -> Outcome:
    """Search under the budgets of `config`; under a latency budget, measure the winner too (`keep_budget`).

    The teacher's costs are 100 % in the limits. At least `num_best` answers are found, and eleven for the runners-up.
    For an infeasible budget, save its certificate and remove the results of an earlier search of that name.

    Raises:
        InfeasibleBudgetError: no architecture meets the budgets; the message says why.
        UnknownNameError: a budget or the front names a resource that was not counted.
        ConfigError: latency is limited but was not measured.
        ArtifactError: proxies or calibrated scores that it adds up are out of date.
    """
    asked, front, resolution = limits_of(config, tables.costs, teacher, folder)
    require_scores(config.scores, tables, folder)
    tables, factors = scored(tables, config.scores)
    weights, own = config.weights or None, folder.search(name)
    over = front_resources(asked, front)
    instance = tables.instance(tie_order(asked, front), weights=weights)

    def search(budget: Budget) -> Outcome:
        result = solve(
            instance,
            budget,
            num_best=max(num_best, 1 + NUM_RUNNERS_UP),
            time_limit_s=config.time_limit_s,
            front_over=over,
            resolution=resolution,
        )
        if result.status == "infeasible" and budget == asked:
            for stale in (RESULT, COMPARISON):
                (own / stale).unlink(missing_ok=True)
            certify(result, weights=config.weights, scores=factors).save(own / CERTIFICATE)
        winner, *others = (answer.text for answer in result.top(max(1, len(result.answers)))[: 1 + NUM_RUNNERS_UP])
        return Outcome(
            architecture=space.parse(winner),
            result=result,
            comparisons=compare(winner, others, tables.ratings, first_width=space.stem_width, weights=weights),
            teacher=teacher,
            config=config,
            scores=factors,
        )

    limit, check = asked.upper.get(LATENCY), None
    if limit is None:
        outcome = search(asked)
    else:
        runtime, meter = meter_of(folder)
        outcome, check = keep_budget(
            limit,
            lambda tighter: search(replace(asked, upper={**asked.upper, LATENCY: tighter})),
            meter,
            runtime=runtime,
        )
    found = search_warnings(outcome.result, outcome.architecture, teacher, folder, name=name)
    return replace(outcome, latency=check, warnings=found)


def find_diverse(folder: RunFolder, outcome: Outcome, *, number: int, min_distance: int) -> SearchResult:
    """Return answers that each differ by `min_distance` layers or more from those before it (`solve_diverse`)."""
    found, config = outcome.result, outcome.config
    tables, _ = scored(load_tables(folder, folder.load_record()), config.scores)
    instance = tables.instance(found.instance.resources, weights=config.weights or None, layers=True)
    limit = config.time_limit_s
    return solve_diverse(instance, found.budget, num_answers=number, min_distance=min_distance, time_limit_s=limit)


def save_outcome(outcome: Outcome, folder: Path) -> tuple[str, ...]:
    """Write architecture, front, figures and certificate of a search; return the file names."""
    (folder / COMPARISON).unlink(missing_ok=True)  # made with earlier tables or limits
    result, config, best = outcome.result, outcome.config, outcome.result.best()
    front = result.front.to_pandas()
    Front(
        score=front["score"].to_numpy(),
        resources={name: front[name].to_numpy() for name in result.instance.resources},
        architecture=tuple(front["architecture"]),
    ).save(folder / FRONT)
    write_text(folder / ARCHITECTURE, outcome.architecture.to_json())
    SearchRecord(
        status=result.status,
        architecture=outcome.architecture.text,
        score=best.score * 1e-12,
        costs=dict(best.costs),
        teacher=dict(outcome.teacher),
        config=config.to_dict(),
        upper=dict(result.budget.upper),
        lower=dict(result.budget.lower),
        front_over=tuple(result.front.resources),
        seconds=result.seconds,
        space_size=result.instance.size,
        latency=None if outcome.latency is None else outcome.latency.to_dict(),
        runners_up=tuple(
            RunnerUp(
                architecture=other.architecture,
                difference=other.difference,
                standard_error=None if np.isnan(other.standard_error) else other.standard_error,
            )
            for other in outcome.comparisons
        ),
        warnings=outcome.warnings,
    ).save(folder / RESULT)
    certify(result, weights=config.weights, scores=outcome.scores).save(folder / CERTIFICATE)
    return FRONT, ARCHITECTURE, RESULT, CERTIFICATE


def check_budgets(
    searches: Mapping[str, SearchConfig],
    space: SearchSpace,
    costs: CostTable,
    teacher: Mapping[str, int],
    folder: RunFolder,
) -> None:
    """Check the budgets of all searches before any path is rated.

    Raises:
        InfeasibleBudgetError: no architecture meets the budgets of a search; the message says why.
        UnknownNameError: a budget names a resource that was not counted.
        ConfigError: the number of weights is not that of the blocks, or latency was not measured.
    """
    tables = unrated_tables(costs)
    for name, config in searches.items():
        try:
            budget, *_ = limits_of(config, costs, teacher, folder)
            instance = tables.instance(budget.names or tuple(costs.resources), weights=config.weights or None)
            if not is_feasible(instance, budget):
                solve(instance, budget).best()  # raises with the reason
        except HelixError as error:
            error.args = (f"search {name}: {error}",)
            raise


def load_search(folder: RunFolder, name: str) -> SearchConfig | None:
    """Return the settings of a finished search; None if there is none of that name."""
    file = folder.search(name) / RESULT
    if not file.is_file():
        return None
    record = SearchRecord.load(file)
    try:
        return search_config(record.config)
    except (AttributeError, TypeError, ConfigError) as error:
        raise damaged(file, error) from error


@contextmanager
def reading_settings(folder: RunFolder) -> Generator[None]:
    """Turn errors from settings that lack entries into an `ArtifactError`."""
    try:
        yield
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        if isinstance(error, HelixError):
            raise
        raise ArtifactError(
            f"{folder.config} was changed by hand and lacks settings ({error}); "
            f"run the recipe again with --out {folder.path}"
        ) from error


def load_tables(folder: RunFolder, record: RunRecord) -> Tables:
    """Return ratings and costs of a run, with its proxies and calibrated scores unless they are `outdated_scores`.

    Raises `ArtifactError` if it is not rated yet.
    """
    for stage in ("rate", "costs"):
        if stage not in record.stages:
            raise ArtifactError(
                f"the run in {folder.path} has no {stage} stage yet; continue with: {folder.resume_command}"
            )
    settings = folder.load_settings() if set(ADDED).intersection(record.stages) else {}
    return stored_tables(folder, record, settings, without=outdated_scores(folder, record))


def outdated_scores(folder: RunFolder, record: RunRecord) -> dict[str, str]:
    """Return, for proxies and calibration made with other settings or ratings than the run's, how to redo them."""
    if not set(ADDED).intersection(record.stages):
        return {}
    with reading_settings(folder):
        return outdated(ADDED, folder.load_settings(), record, folder)


def require_scores(names: Iterable[str], tables: Tables, folder: RunFolder) -> None:
    """Raise `ArtifactError` if scores to add up are missing in a run's tables because they are out of date."""
    missing = set(names).difference(tables.ratings[0].scores)
    made_by = {name: "calibrate" if name == CALIBRATED else "proxies" for name in missing if name in SCORES_ADDED}
    told = outdated_scores(folder, folder.load_record()) if made_by else {}
    for name, stage in sorted(made_by.items()):
        if stage in told:
            raise ArtifactError(f"the score {name} cannot be added up: {told[stage]}")


def teacher_costs(record: RunRecord) -> dict[str, int]:
    """Return the known costs of the teacher, which are 100 % in the limits."""
    try:
        facts = record.stages["teacher"].facts
        known = ("params", "macs", *(name for name in ("flops", "activation_bytes") if name in facts))
        return {name: int(facts[name]) for name in known}
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ArtifactError("the record of the run lacks the teacher's parameters and multiply-adds") from error


def limits_of(
    config: SearchConfig, costs: CostTable, teacher: Mapping[str, int], folder: RunFolder
) -> tuple[Budget, tuple[str, ...], dict[str, int]]:
    """Return budget, resources of the front and resolution of a search; raises `ConfigError` without a needed latency."""
    for name in LATENCY_LIMITS:
        if name in (*config.max, *config.min, *config.front) and LATENCY not in costs.resources:
            raise ConfigError(
                f"{name} is limited, but latency was not measured in this run; measure it first, for example with: "
                f"helixnas costs {folder.path} --latency onnxruntime-cpu"
            )
    known = {name: teacher.get(name) for name in costs.resources}
    budget = Budget(
        upper=parse_limits(config.max, known=known, option="max"),
        lower=parse_limits(config.min, known=known, option="min"),
    )
    front = tuple(parse_limits(dict.fromkeys(config.front, 1), known=known, option="front"))
    return budget, front, parse_limits(config.resolution, known=known, option="resolution")
