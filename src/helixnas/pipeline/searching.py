"""The search stage: budgets in, the proven best architecture out, in milliseconds and without torch.

It reads ratings and costs, never the supernet, so new budgets on an old run cost nothing. Named searches lie side by
side and never overwrite each other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from helixnas.artifacts import CostTable, Front, RatingTable, RunRecord, StageRecord
from helixnas.artifacts.files import damaged, read_json, write_json, write_text
from helixnas.errors import ArtifactError, ConfigError, HelixError, UnknownNameError
from helixnas.pipeline.cost_files import LATENCY, LATENCY_LIMITS, load_costs, require_latency
from helixnas.pipeline.latency_budget import LatencyCheck, keep_budget, meter_of
from helixnas.pipeline.plan import PlannedStage, is_done, plan, reason_to_redo
from helixnas.pipeline.run_folder import RunFolder
from helixnas.pipeline.search_config import SearchConfig, check_search_name
from helixnas.search import Budget, Comparison, SearchResult, Tables, compare, is_feasible, parse_limits, solve
from helixnas.space import Architecture, SearchSpace, load_space

NUM_RUNNERS_UP = 10


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What one named search found."""

    architecture: Architecture
    """The winner."""

    result: SearchResult
    """Answers, front and how sure the solver is."""

    comparisons: tuple[Comparison, ...]
    """The next ten beside the winner, on the same rating images."""

    teacher: Mapping[str, int]
    """The teacher's parameters and multiply-adds."""

    latency: LatencyCheck | None = None
    """How a latency budget was kept; None where there was none."""

    @property
    def predicted_ns(self) -> int:
        """Its latency as the sum of its parts, where latency was limited."""
        return self.result.best().costs[LATENCY]

    def facts(self) -> dict[str, Any]:
        """Return the main figures as plain values, for the record of a run."""
        best = self.result.best()
        figures: dict[str, Any] = {"status": self.result.status, "score": best.score * 1e-12, **best.costs}
        if self.latency is not None:
            figures["latency"] = self.latency.text
        return {**figures, "architecture": self.architecture.text}


def find_in_run(
    config: SearchConfig, space: SearchSpace, tables: Tables, teacher: Mapping[str, int], folder: RunFolder
) -> Outcome:
    """Search under the budgets of `config`; under one on latency, measure the winner and tighten where it is over.

    Raises:
        ConfigError: latency is limited and was not measured.
    """
    require_latency({**config.max, **config.min}, tables.costs, folder)
    asked = _budget(config, tables.costs, teacher).upper.get(LATENCY)
    if asked is None:
        return find_outcome(config, space, tables, teacher)
    others = {name: amount for name, amount in config.max.items() if name not in LATENCY_LIMITS}

    def search(limit: int) -> Outcome:
        return find_outcome(replace(config, max={LATENCY: limit, **others}), space, tables, teacher)

    runtime, meter = meter_of(folder)
    outcome, check = keep_budget(asked, search, meter, runtime=runtime)
    return replace(outcome, latency=check)


def find_outcome(config: SearchConfig, space: SearchSpace, tables: Tables, teacher: Mapping[str, int]) -> Outcome:
    """Search under the budgets of `config`.

    Raises:
        InfeasibleBudgetError: no architecture meets the budgets; the message says why.
        UnknownNameError: a budget names a resource that was not counted.
    """
    budget = _budget(config, tables.costs, teacher)
    order = (*budget.names, *(name for name in ("macs", "params") if name not in budget.names))
    instance = tables.instance(order, weights=config.weights or None)
    over = budget.names if len(budget.names) == 1 else ("macs",)
    result = solve(instance, budget, num_best=1 + NUM_RUNNERS_UP, front_over=over)
    winner, *others = (answer.text.strip() for answer in result.top(min(1 + NUM_RUNNERS_UP, len(result.answers) or 1)))
    comparisons = compare(winner, others, tables.ratings, first_width=space.stem_width, weights=config.weights or None)
    return Outcome(architecture=space.parse(winner), result=result, comparisons=comparisons, teacher=teacher)


def save_outcome(outcome: Outcome, folder: Path, config: SearchConfig) -> tuple[str, ...]:
    """Write architecture, front and figures of a search; return the file names."""
    result, best = outcome.result, outcome.result.best()
    front = result.front.to_pandas()
    Front(
        score=front["score"].to_numpy(),
        resources={name: front[name].to_numpy() for name in result.instance.resources},
        architecture=tuple(text.strip() for text in front["architecture"]),
    ).save(folder / "front.parquet")
    write_text(folder / "architecture.json", outcome.architecture.to_json())
    write_json(
        folder / "result.json",
        {
            "status": result.status,
            "architecture": outcome.architecture.text,
            "score": best.score * 1e-12,
            "costs": dict(best.costs),
            "teacher": dict(outcome.teacher),
            "max": dict(config.max),
            "min": dict(config.min),
            "weights": list(config.weights),
            "limits": {"upper": dict(result.budget.upper), "lower": dict(result.budget.lower)},
            "front_over": list(result.front.resources),
            "seconds": result.seconds,
            "space_size": str(result.instance.size),
            "latency": None if outcome.latency is None else outcome.latency.to_dict(),
            "runners_up": [
                {
                    "architecture": other.architecture,
                    "difference": other.difference,
                    "standard_error": None if np.isnan(other.standard_error) else other.standard_error,
                }
                for other in outcome.comparisons
            ],
        },
    )
    return "front.parquet", "architecture.json", "result.json"


def search_run(folder: RunFolder, name: str | None, limits: SearchConfig | None) -> list[tuple[str, Outcome]]:
    """Search a run whose paths are rated: under new `limits` as a named search, or its recipe's searches.

    Raises:
        ArtifactError: the run is not rated yet, or its settings were damaged.
        ConfigError: the name is taken by a search with other limits.
        UnknownNameError: there is no search of that name.
    """
    record, settings = folder.load_record(), folder.load_settings()
    tables = load_tables(folder, record)
    try:
        searches = {key: _config(values) for key, values in settings["searches"].items()}
        stages = {stage.name: stage for stage in plan(settings)}
        space = load_space(settings["space"])
    except (KeyError, TypeError, AttributeError) as error:
        raise ArtifactError(
            f"{folder.config} was changed by hand and lacks settings ({error}); "
            f"run the recipe again with --out {folder.path}"
        ) from error
    teacher = teacher_costs(record)
    if limits is not None:
        fresh = name or _name_of(limits)
        check_search_name(fresh)
        before = searches.get(fresh) or load_search(folder, fresh)
        if before is not None and before != limits:
            raise ConfigError(f"{folder.search(fresh)} holds a search with other limits; choose another --name")
        outcome = find_in_run(limits, space, tables, teacher, folder)
        save_outcome(outcome, folder.search(fresh), limits)
        return [(fresh, outcome)]
    beside = load_search(folder, name) if name is not None and name not in searches else None
    if name is not None and beside is None and name not in searches:
        raise UnknownNameError("search", name, {*searches, *folder.search_names()})
    if name is not None:
        searches = {name: beside or searches[name]}
    found = [(each, find_in_run(config, space, tables, teacher, folder)) for each, config in searches.items()]
    for each, outcome in found:
        stage = stages.get(f"search:{each}")
        if stage is not None and not is_done(stage, record, folder):
            record = _finish(stage, stages, folder, outcome, searches[each])
    return found


def _finish(
    stage: PlannedStage,
    stages: Mapping[str, PlannedStage],
    folder: RunFolder,
    outcome: Outcome,
    config: SearchConfig,
) -> RunRecord:
    """Save one of the recipe's searches and record it as done, as `helixnas run` does."""
    with folder.locked():
        record = folder.load_record()
        for name in stage.upstream:
            if not is_done(stages[name], record, folder):
                reason = reason_to_redo(stages[name], record, folder) or "it was never done"
                raise ArtifactError(f"the {name} stage must be done again first ({reason}): {folder.resume_command}")
        name = stage.name.partition(":")[2]
        files = [f"searches/{name}/{file}" for file in save_outcome(outcome, folder.search(name), config)]
        finished = StageRecord(
            key=stage.key,
            settings=stage.settings,
            files={file: (folder.path / file).stat().st_size for file in files},
            seconds=round(outcome.result.seconds, 3),
            finished=datetime.now(UTC).isoformat(timespec="seconds"),
            facts=outcome.facts(),
        )
        record = record.with_stage(stage.name, finished)
        record.save(folder.record)
    return record


def load_search(folder: RunFolder, name: str) -> SearchConfig | None:
    """Return the budgets of a search that was made; None where there is none of that name."""
    file = folder.search(name) / "result.json"
    if not file.is_file():
        return None
    values = read_json(file)
    try:
        return _config(values)
    except (AttributeError, TypeError, ConfigError) as error:
        raise damaged(file, error) from error


def check_budgets(
    searches: Mapping[str, SearchConfig],
    space: SearchSpace,
    costs: CostTable,
    teacher: Mapping[str, int],
    folder: RunFolder,
) -> None:
    """Raise what the searches would raise for their budgets, before any path is rated.

    Raises:
        InfeasibleBudgetError: no architecture meets the budgets of a search; the message says why.
        UnknownNameError: a budget names a resource that was not counted.
        ConfigError: the number of block weights is not that of the blocks, or latency was not measured.
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
            require_latency({**config.max, **config.min}, costs, folder)
            budget = _budget(config, costs, teacher)
            instance = tables.instance(budget.names or tuple(costs.resources), weights=config.weights or None)
            if not is_feasible(instance, budget):
                solve(instance, budget).best()  # which says why not
        except HelixError as error:
            error.args = (f"search {name}: {error}",)
            raise


def load_tables(folder: RunFolder, record: RunRecord) -> Tables:
    """Return ratings and costs of a run; raises `ArtifactError` where it is not rated yet."""
    for stage in ("rate", "costs"):
        if stage not in record.stages:
            raise ArtifactError(
                f"the run in {folder.path} has no {stage} stage yet; go on with: {folder.resume_command}"
            )
    number = sum(1 for file in record.stages["rate"].files if file.startswith("ratings/block-"))
    ratings = tuple(RatingTable.load(folder.rating(k)) for k in range(1, number + 1))
    return Tables(ratings=ratings, costs=load_costs(folder, record))


def teacher_costs(record: RunRecord) -> dict[str, int]:
    """Return the teacher's parameters and multiply-adds: what percentages are shares of."""
    try:
        facts = record.stages["teacher"].facts
        return {name: int(facts[name]) for name in ("params", "macs")}
    except (KeyError, TypeError, ValueError) as error:
        raise ArtifactError("the record of the run lacks the teacher's parameters and multiply-adds") from error


def show_outcome(console: Console, name: str, outcome: Outcome, *, top: int) -> None:
    """Print the best architectures of a search and how sure the choice is."""
    result = outcome.result
    table = Table(title=f"{name}: {result.budget.text}; proven best of {result.instance.size:,}", title_justify="left")
    table.add_column("score", justify="right")
    for resource in result.instance.resources:
        table.add_column(resource, justify="right")
    table.add_column("behind the best, in standard errors", justify="right")
    table.add_column("architecture", overflow="fold")
    behind = ["", *(f"{other.standard_errors:.1f}" for other in outcome.comparisons)]
    for answer, lead in list(zip(result.answers, behind, strict=False))[: max(1, top)]:
        costs = [f"{answer.costs[name]:,}" for name in result.instance.resources]
        table.add_row(f"{answer.score * 1e-12:.5f}", *costs, lead, answer.text.strip())
    console.print(table)
    console.print(f"{len(result.front):,} on the front, {result.seconds * 1000:.0f} ms", highlight=False)
    if outcome.latency is not None:
        console.print(outcome.latency.text, highlight=False, soft_wrap=True, markup=False)


def _budget(config: SearchConfig, costs: CostTable, teacher: Mapping[str, int]) -> Budget:
    known = {name: teacher.get(name) for name in costs.resources}
    return Budget(
        upper=parse_limits(config.max, known=known, option="max"),
        lower=parse_limits(config.min, known=known, option="min"),
    )


def _name_of(limits: SearchConfig) -> str:
    """Return a name that tells the limits: ``max-macs-350M``."""
    parts = [f"max-{key}-{value}" for key, value in limits.max.items()]
    parts += [f"min-{key}-{value}" for key, value in limits.min.items()]
    return "-".join(parts).replace("%", "pct")


def _config(values: Mapping[str, Any]) -> SearchConfig:
    """Build the budgets of a search from plain values."""
    weights: Sequence[float] = values.get("weights") or ()
    return SearchConfig(max=dict(values.get("max", {})), min=dict(values.get("min", {})), weights=tuple(weights))
