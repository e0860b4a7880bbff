"""costs: parameters, multiply-adds and memory of every path, counted on the meta device; latency on a device if wanted."""

from collections.abc import Mapping
from typing import Any

from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.stage import Stage, Values

COSTS = Stage(
    name="costs",
    verb="costs",
    purpose="count the costs of every path, and measure its latency on request",
    settings=lambda values, search: {"space": values["space"], "imports": values["imports"]},
    upstream=lambda values, search: ("teacher",),
    describe=lambda recipe, search: "count parameters, multiply-adds and memory of every path",
    work="helixnas.pipeline.work.costs:count_costs",
    files=("costs.parquet",),
)


def is_measured(values: Values) -> bool:
    """Whether latency is measured or read."""
    return bool(values["costs"]["latency"] or values["costs"]["latency_csv"])


def _settings(values: Values, search: str) -> Mapping[str, Any] | None:
    return {"costs": values["costs"]} if is_measured(values) else None


def _describe(recipe: Recipe, search: str) -> str:
    costs = recipe.costs
    if costs.latency_csv:
        return f"read the latencies in {costs.latency_csv}"
    return f"time every part in {costs.num_rounds} rounds with {costs.latency}, and {costs.num_networks} whole networks"


LATENCY = Stage(
    name="latency",
    verb="costs",
    settings=_settings,
    upstream=lambda values, search: ("costs",),
    describe=_describe,
    work="helixnas.pipeline.work.costs:measure_latency",
    files=("costs/latency.parquet", "costs/latency.json"),
)
