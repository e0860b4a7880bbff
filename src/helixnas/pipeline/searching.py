"""The search stage: budgets in, the proven best architecture out, in milliseconds and without torch.

It reads ratings and costs, never the supernet, so new budgets on an old run cost nothing. Named searches lie side by
side and never overwrite each other.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from helixnas.artifacts import CostTable, Front, RatingTable, RunRecord, StageRecord
from helixnas.artifacts.files import damaged, read_json, write_json, write_text
from helixnas.errors import ArtifactError, ConfigError, HelixError, UnknownNameError
from helixnas.pipeline.plan import PlannedStage, is_done, plan, reason_to_redo
from helixnas.pipeline.run_folder import RunFolder
from helixnas.pipeline.search_config import SearchConfig, check_search_name
from helixnas.search import (
    Budget,
    Comparison,
    SearchResult,
    Tables,
    certify,
    compare,
    is_feasible,
    parse_limits,
    solve,
    solve_diverse,
)
from helixnas.space import Architecture, SearchSpace, load_space

NUM_RUNNERS_UP = 10
CERTIFICATE, COMPARISON = "certificate.json", "comparison.json"


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

    config: SearchConfig
    """What was asked."""

    def facts(self) -> dict[str, Any]:
        """Return the main figures as plain values, for the record of a run."""
        best = self.result.best()
        figures: dict[str, Any] = {"status": self.result.status, "score": best.score * 1e-12, **best.costs}
        return {**figures, "architecture": self.architecture.text}


def find_outcome(
    config: SearchConfig,
    space: SearchSpace,
    tables: Tables,
    teacher: Mapping[str, int],
    *,
    folder: Path,
    num_best: int = 1,
) -> Outcome:
    """Search under the budgets of `config`.

    Args:
        config: limits, weights and front.
        space: to read architectures.
        tables: scores and costs.
        teacher: what percentages are shares of.
        folder: where the certificate of a budget that cannot be met is left.
        num_best: how many answers, at least; with the runners-up there are mostly eleven.

    Raises:
        InfeasibleBudgetError: no architecture meets the budgets; the message says why.
        UnknownNameError: a budget or the front names a resource that was not counted.
    """
    budget = _budget(config, tables.costs, teacher)
    over = config.front or (budget.names if len(budget.names) == 1 else ("macs",))
    instance = tables.instance(
        tuple(dict.fromkeys((*budget.names, *over, "macs", "params"))), weights=config.weights or None
    )
    result = solve(
        instance,
        budget,
        num_best=max(num_best, 1 + NUM_RUNNERS_UP),
        time_limit_s=config.time_limit_s,
        front_over=over,
        resolution=parse_limits(config.resolution, known=_known(tables.costs, teacher), option="resolution"),
    )
    if result.status == "infeasible":
        for stale in ("result.json", COMPARISON):
            (folder / stale).unlink(missing_ok=True)
        certify(result, weights=config.weights).save(folder / CERTIFICATE)
    winner, *others = (answer.text for answer in result.top(max(1, len(result.answers)))[: 1 + NUM_RUNNERS_UP])
    comparisons = compare(winner, others, tables.ratings, first_width=space.stem_width, weights=config.weights or None)
    return Outcome(
        architecture=space.parse(winner), result=result, comparisons=comparisons, teacher=teacher, config=config
    )


def find_diverse(folder: RunFolder, outcome: Outcome, *, number: int, min_distance: int) -> SearchResult:
    """Return answers of which each is the best at a distance, in layers, from all before it (`solve_diverse`)."""
    tables, found = load_tables(folder, folder.load_record()), outcome.result
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
    (folder / COMPARISON).unlink(missing_ok=True)  # it was of other tables or limits
    result, config, best = outcome.result, outcome.config, outcome.result.best()
    front = result.front.to_pandas()
    Front(
        score=front["score"].to_numpy(),
        resources={name: front[name].to_numpy() for name in result.instance.resources},
        architecture=tuple(front["architecture"]),
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
            "front": list(config.front),
            "resolution": dict(config.resolution),
            "time_limit_s": config.time_limit_s,
            "front_over": list(result.front.resources),
            "seconds": result.seconds,
            "space_size": str(result.instance.size),
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
    certify(result, weights=config.weights).save(folder / CERTIFICATE)
    return "front.parquet", "architecture.json", "result.json", CERTIFICATE


def search_run(
    folder: RunFolder, name: str | None, limits: SearchConfig | None, *, num_best: int = 1
) -> list[tuple[str, Outcome]]:
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
        outcome = find_outcome(limits, space, tables, teacher, folder=folder.search(fresh), num_best=num_best)
        save_outcome(outcome, folder.search(fresh))
        return [(fresh, outcome)]
    beside = load_search(folder, name) if name is not None and name not in searches else None
    if name is not None and beside is None and name not in searches:
        raise UnknownNameError("search", name, {*searches, *folder.search_names()})
    if name is not None:
        searches = {name: beside or searches[name]}
    found = [
        (each, find_outcome(config, space, tables, teacher, folder=folder.search(each), num_best=num_best))
        for each, config in searches.items()
    ]
    for each, outcome in found:
        stage = stages.get(f"search:{each}")
        if stage is not None and not is_done(stage, record, folder):
            record = _finish(stage, stages, folder, outcome)
    return found


def _finish(
    stage: PlannedStage,
    stages: Mapping[str, PlannedStage],
    folder: RunFolder,
    outcome: Outcome,
) -> RunRecord:
    """Save one of the recipe's searches and record it as done, as `helixnas run` does."""
    with folder.locked():
        record = folder.load_record()
        for name in stage.upstream:
            if not is_done(stages[name], record, folder):
                reason = reason_to_redo(stages[name], record, folder) or "it was never done"
                raise ArtifactError(f"the {name} stage must be done again first ({reason}): {folder.resume_command}")
        name = stage.name.partition(":")[2]
        files = [f"searches/{name}/{file}" for file in save_outcome(outcome, folder.search(name))]
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
    searches: Mapping[str, SearchConfig], space: SearchSpace, costs: CostTable, teacher: Mapping[str, int]
) -> None:
    """Raise what the searches would raise for their budgets, before any path is rated.

    Raises:
        InfeasibleBudgetError: no architecture meets the budgets of a search; the message says why.
        UnknownNameError: a budget names a resource that was not counted.
        ConfigError: the number of block weights is not that of the blocks.
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
            budget = _budget(config, costs, teacher)
            parse_limits(dict.fromkeys(config.front, 1), known=_known(costs, teacher), option="front")
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
    return Tables(ratings=ratings, costs=CostTable.load(folder.costs))


def teacher_costs(record: RunRecord) -> dict[str, int]:
    """Return the teacher's parameters and multiply-adds: what percentages are shares of."""
    try:
        facts = record.stages["teacher"].facts
        return {name: int(facts[name]) for name in ("params", "macs")}
    except (KeyError, TypeError, ValueError) as error:
        raise ArtifactError("the record of the run lacks the teacher's parameters and multiply-adds") from error


def _budget(config: SearchConfig, costs: CostTable, teacher: Mapping[str, int]) -> Budget:
    known = _known(costs, teacher)
    return Budget(
        upper=parse_limits(config.max, known=known, option="max"),
        lower=parse_limits(config.min, known=known, option="min"),
    )


def _known(costs: CostTable, teacher: Mapping[str, int]) -> dict[str, int | None]:
    """Return the resources there are, with the teacher's where known."""
    return {name: teacher.get(name) for name in costs.resources}


def _name_of(limits: SearchConfig) -> str:
    """Return a name that tells the limits: ``max-macs-350M``."""
    parts = [f"max-{key}-{value}" for key, value in limits.max.items()]
    parts += [f"min-{key}-{value}" for key, value in limits.min.items()]
    parts += [f"weights-{'-'.join(map(str, limits.weights))}"] if limits.weights else []
    parts += [f"front-{'-'.join(limits.front)}"] if limits.front else []
    return "-".join(parts).replace("%", "pct") or "unlimited"


def _config(values: Mapping[str, Any]) -> SearchConfig:
    """Build the budgets of a search from plain values."""
    return SearchConfig(
        max=dict(values.get("max", {})),
        min=dict(values.get("min", {})),
        weights=tuple(values.get("weights") or ()),
        front=tuple(values.get("front") or ()),
        resolution=dict(values.get("resolution") or {}),
        time_limit_s=values.get("time_limit_s"),
    )
