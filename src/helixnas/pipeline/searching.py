"""The search stage: budgets in, the proven best architecture out, in milliseconds and without torch.

It reads ratings and costs, never the supernet, so new budgets on an old run cost nothing. Named searches lie side by side
and never overwrite each other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from helixnas.artifacts import CostTable, Front, RatingTable, RunRecord
from helixnas.artifacts.files import read_json, write_json, write_text
from helixnas.errors import ArtifactError, ConfigError, UnknownNameError
from helixnas.pipeline.run_folder import RunFolder
from helixnas.pipeline.search_config import SearchConfig, check_search_name
from helixnas.search import Budget, Comparison, SearchResult, Tables, compare, parse_limits, solve
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


def find_outcome(
    config: SearchConfig, space: SearchSpace, tables: Tables, teacher: Mapping[str, int]
) -> Outcome:
    """Search under the budgets of `config`.

    Raises:
        InfeasibleBudgetError: no architecture meets the budgets; the message says why.
        UnknownNameError: a budget names a resource that was not counted.
    """
    resources = tuple(tables.costs.resources)
    known = {name: teacher.get(name) for name in resources}
    budget = Budget(
        upper=parse_limits(config.max, known=known, option="max"),
        lower=parse_limits(config.min, known=known, option="min"),
    )
    order = (*budget.names, *(name for name in ("macs", "params") if name not in budget.names))
    instance = tables.instance(order, weights=config.weights or None)
    over = budget.names if len(budget.names) == 1 else ("macs",)
    result = solve(instance, budget, num_best=1 + NUM_RUNNERS_UP, front_over=over)
    winner, *others = (answer.text.strip() for answer in result.top(min(1 + NUM_RUNNERS_UP, len(result.answers) or 1)))
    comparisons = compare(
        winner, others, tables.ratings, first_width=space.stem_width, weights=config.weights or None
    )
    return Outcome(
        architecture=space.parse(winner), result=result, comparisons=comparisons, teacher=teacher
    )


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


def search_run(
    folder: RunFolder, name: str | None, limits: SearchConfig | None
) -> list[tuple[str, Outcome]]:
    """Search a run whose paths are rated: under new `limits` as a named search, or its recipe's searches again.

    Raises:
        ArtifactError: the run is not rated yet.
        ConfigError: new limits without a name, or the name is taken by a search with other limits.
    """
    record, settings = folder.load_record(), folder.load_settings()
    tables = load_tables(folder, record)
    space, teacher = load_space(settings["space"]), teacher_costs(record)
    if limits is not None:
        return [_search_anew(folder, name or _name_of(limits), limits, space, tables, teacher)]
    recipe_searches: dict[str, Any] = settings["searches"]
    if name is not None and name not in recipe_searches:
        raise UnknownNameError("search", name, recipe_searches)
    chosen = recipe_searches if name is None else {name: recipe_searches[name]}
    return [
        (each, find_outcome(SearchConfig(**_plain(values)), space, tables, teacher)) for each, values in chosen.items()
    ]


def load_tables(folder: RunFolder, record: RunRecord) -> Tables:
    """Return ratings and costs of a run; raises `ArtifactError` where it is not rated yet."""
    for stage in ("rate", "costs"):
        if stage not in record.stages:
            raise ArtifactError(f"the run in {folder.path} has no {stage} stage yet; finish it with: helixnas rate {folder.path}")
    number = sum(1 for file in record.stages["rate"].files if file.startswith("ratings/block-"))
    ratings = tuple(RatingTable.load(folder.rating(k)) for k in range(1, number + 1))
    return Tables(ratings=ratings, costs=CostTable.load(folder.costs))


def teacher_costs(record: RunRecord) -> dict[str, int]:
    """Return the teacher's parameters and multiply-adds: what percentages are shares of."""
    facts = record.stages["teacher"].facts
    return {name: int(facts[name]) for name in ("params", "macs")}


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


def _search_anew(
    folder: RunFolder,
    name: str,
    limits: SearchConfig,
    space: SearchSpace,
    tables: Tables,
    teacher: Mapping[str, int],
) -> tuple[str, Outcome]:
    check_search_name(name)
    target = folder.search(name)
    if (target / "result.json").is_file():
        before = read_json(target / "result.json")
        if before["max"] != dict(limits.max) or before["min"] != dict(limits.min):
            raise ConfigError(f"{target} holds a search with other limits; choose another --name")
    outcome = find_outcome(limits, space, tables, teacher)
    save_outcome(outcome, target, limits)
    return name, outcome


def _name_of(limits: SearchConfig) -> str:
    """Return a name that tells the limits: ``max-macs-350M``."""
    parts = [f"max-{key}-{value}" for key, value in limits.max.items()]
    parts += [f"min-{key}-{value}" for key, value in limits.min.items()]
    return "-".join(parts).replace("%", "pct")


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    weights: Sequence[float] = values.get("weights") or ()
    return {"max": values.get("max", {}), "min": values.get("min", {}), "weights": tuple(weights)}
