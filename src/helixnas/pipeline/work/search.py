"""Work of the search stage: the proven best architecture under budgets, in milliseconds and without torch.

Reads ratings and costs, never the supernet. Named searches never overwrite each other.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from helixnas.artifacts.cost_table import LATENCY, CostTable, load_costs
from helixnas.artifacts.files import damaged, write_text
from helixnas.artifacts.front import Front
from helixnas.artifacts.rating_table import RatingTable
from helixnas.artifacts.run_folder import RunFolder
from helixnas.artifacts.run_record import RunRecord
from helixnas.artifacts.search_record import RunnerUp, SearchRecord
from helixnas.errors import ArtifactError, ConfigError, HelixError
from helixnas.pipeline.stage import Result, RunContext
from helixnas.pipeline.work.latency_budget import LatencyCheck, keep_budget, meter_of
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
from helixnas.search.config import SearchConfig, search_config
from helixnas.space import Architecture, SearchSpace

NUM_RUNNERS_UP = 10
ARCHITECTURE, RESULT, CERTIFICATE, COMPARISON = (
    "architecture.json",
    "result.json",
    "certificate.json",
    "comparison.json",
)
"""Files in the folder of a search."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Result of one named search."""

    architecture: Architecture
    """The winner."""

    result: SearchResult
    """Answers, front and proof of the solver."""

    comparisons: tuple[Comparison, ...]
    """The next ten compared with the winner on the same rating images."""

    teacher: Mapping[str, int]
    """Known costs of the teacher."""

    config: SearchConfig
    """Settings of the search."""

    scores: Mapping[str, float]
    """Factor of each kind of score in the sum."""

    latency: LatencyCheck | None = None
    """The check of a latency budget; None without one."""

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
    return Result(tuple(f"searches/{search}/{file}" for file in files), outcome.facts())


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

    For an infeasible budget, save its certificate and remove the results of an earlier search of that name.

    Args:
        config: limits, weights and front.
        space: parses architectures.
        tables: scores and costs.
        teacher: its costs are 100 % in the limits.
        folder: the run.
        name: name of the search.
        num_best: least number of answers; at least eleven are found for the runners-up.

    Raises:
        InfeasibleBudgetError: no architecture meets the budgets; the message says why.
        UnknownNameError: a budget or the front names a resource that was not counted.
        ConfigError: latency is limited but was not measured.
    """
    require_latency((*config.max, *config.min, *config.front), tables.costs, folder)
    asked = _budget(config, tables.costs, teacher)
    tables, factors = scored(tables, config.scores)

    def search(budget: Budget) -> Outcome:
        result = _solve(config, budget, tables, teacher, num_best=max(num_best, 1 + NUM_RUNNERS_UP))
        if result.status == "infeasible" and budget == asked:
            _leave_infeasible(result, config, factors, folder.search(name))
        return _outcome(result, config, factors, space, tables, teacher)

    limit = asked.upper.get(LATENCY)
    if limit is None:
        return search(asked)
    runtime, meter = meter_of(folder)
    outcome, check = keep_budget(
        limit, lambda tighter: search(replace(asked, upper={**asked.upper, LATENCY: tighter})), meter, runtime=runtime
    )
    return replace(outcome, latency=check)


def _solve(
    config: SearchConfig, budget: Budget, tables: Tables, teacher: Mapping[str, int], *, num_best: int
) -> SearchResult:
    known = _known(tables.costs, teacher)
    front = tuple(parse_limits(dict.fromkeys(config.front, 1), known=known, option="front"))
    over = front or (budget.names if len(budget.names) == 1 else ("macs",))
    resources = tuple(dict.fromkeys((*budget.names, *over, "macs", "params")))
    return solve(
        tables.instance(resources, weights=config.weights or None),
        budget,
        num_best=num_best,
        time_limit_s=config.time_limit_s,
        front_over=over,
        resolution=parse_limits(config.resolution, known=known, option="resolution"),
    )


def _leave_infeasible(result: SearchResult, config: SearchConfig, factors: Mapping[str, float], folder: Path) -> None:
    for stale in (RESULT, COMPARISON):
        (folder / stale).unlink(missing_ok=True)
    certify(result, weights=config.weights, scores=factors).save(folder / CERTIFICATE)


def _outcome(
    result: SearchResult,
    config: SearchConfig,
    factors: Mapping[str, float],
    space: SearchSpace,
    tables: Tables,
    teacher: Mapping[str, int],
) -> Outcome:
    winner, *others = (answer.text for answer in result.top(max(1, len(result.answers)))[: 1 + NUM_RUNNERS_UP])
    comparisons = compare(winner, others, tables.ratings, first_width=space.stem_width, weights=config.weights or None)
    return Outcome(
        architecture=space.parse(winner),
        result=result,
        comparisons=comparisons,
        teacher=teacher,
        config=config,
        scores=factors,
    )


def find_diverse(folder: RunFolder, outcome: Outcome, *, number: int, min_distance: int) -> SearchResult:
    """Return answers that each differ by `min_distance` layers or more from those before it (`solve_diverse`)."""
    tables, found = load_tables(folder, folder.load_record()), outcome.result
    tables, _ = scored(tables, outcome.config.scores)
    instance = tables.instance(found.instance.resources, weights=outcome.config.weights or None, layers=True)
    return solve_diverse(
        instance,
        found.budget,
        num_answers=number,
        min_distance=min_distance,
        time_limit_s=outcome.config.time_limit_s,
    )


def save_outcome(outcome: Outcome, folder: Path) -> tuple[str, ...]:
    """Write architecture, front, figures and certificate of a search; return the file names."""
    (folder / COMPARISON).unlink(missing_ok=True)  # made with earlier tables or limits
    result, config, best = outcome.result, outcome.config, outcome.result.best()
    front = result.front.to_pandas()
    Front(
        score=front["score"].to_numpy(),
        resources={name: front[name].to_numpy() for name in result.instance.resources},
        architecture=tuple(front["architecture"]),
    ).save(folder / "front.parquet")
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
    ).save(folder / RESULT)
    certify(result, weights=config.weights, scores=outcome.scores).save(folder / CERTIFICATE)
    return "front.parquet", ARCHITECTURE, RESULT, CERTIFICATE


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
    unrated: list[RatingTable] = []
    for number in range(1, len(space.blocks) + 1):
        rows = costs.rows(number)
        unrated.append(
            RatingTable(
                block=number,
                previous_width=costs.previous_width[rows],
                path=tuple(costs.path[row] for row in rows),
                width=costs.width[rows],
                batch_sizes=np.array([1]),
                scores={"relative_l1": np.zeros((len(rows), 1))},
            )
        )
    tables = Tables(ratings=tuple(unrated), costs=costs)
    for name, config in searches.items():
        try:
            require_latency((*config.max, *config.min, *config.front), costs, folder)
            budget = _budget(config, costs, teacher)
            parse_limits(dict.fromkeys(config.front, 1), known=_known(costs, teacher), option="front")
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


def require_latency(asked: Collection[str], costs: CostTable, folder: RunFolder) -> None:
    """Raise `ConfigError` if a search limits latency that was not measured."""
    for name in LATENCY_LIMITS:
        if name in asked and LATENCY not in costs.resources:
            raise ConfigError(
                f"{name} is limited, but latency was not measured in this run; measure it first, for example with: "
                f"helixnas costs {folder.path} --latency onnxruntime-cpu"
            )


def load_tables(folder: RunFolder, record: RunRecord) -> Tables:
    """Return ratings and costs of a run; raises `ArtifactError` if it is not rated yet."""
    for stage in ("rate", "costs"):
        if stage not in record.stages:
            raise ArtifactError(
                f"the run in {folder.path} has no {stage} stage yet; go on with: {folder.resume_command}"
            )
    number = sum(1 for file in record.stages["rate"].files if file.startswith("ratings/block-"))
    ratings = tuple(RatingTable.load(folder.rating(k)) for k in range(1, number + 1))
    return Tables(ratings=ratings, costs=load_costs(folder, record))


def teacher_costs(record: RunRecord) -> dict[str, int]:
    """Return the known costs of the teacher, which are 100 % in the limits."""
    try:
        facts = record.stages["teacher"].facts
        known = ("params", "macs", *(name for name in ("flops", "activation_bytes") if name in facts))
        return {name: int(facts[name]) for name in known}
    except (KeyError, TypeError, ValueError) as error:
        raise ArtifactError("the record of the run lacks the teacher's parameters and multiply-adds") from error


def _budget(config: SearchConfig, costs: CostTable, teacher: Mapping[str, int]) -> Budget:
    known = _known(costs, teacher)
    return Budget(
        upper=parse_limits(config.max, known=known, option="max"),
        lower=parse_limits(config.min, known=known, option="min"),
    )


def _known(costs: CostTable, teacher: Mapping[str, int]) -> dict[str, int | None]:
    """Return all resources, each with the teacher's cost if known."""
    return {name: teacher.get(name) for name in costs.resources}
