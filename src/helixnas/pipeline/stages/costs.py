"""costs: parameters, multiply-adds and memory of every path, counted on the meta device."""

from helixnas.pipeline.stage import Stage

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
