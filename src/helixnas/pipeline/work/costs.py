"""Work of the costs stage: the cost of every path, counted on the meta device."""

from helixnas.costs import cost_table
from helixnas.pipeline.context import Context
from helixnas.pipeline.stage import Result


def count_costs(context: Context, key: str, search: str) -> Result:
    """Count what every path costs: parameters, multiply-adds, the paper's FLOPs, activation memory."""
    table = cost_table(context.space, image_size=context.image_size, num_classes=context.num_classes)
    table.save(context.folder.costs)
    return Result(("costs.parquet",), {"rows": len(table), **table.facts})
