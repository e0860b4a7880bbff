"""Check of the budgets before a teacher is trained: costs need none, and its own sizes follow from its shape."""

from dataclasses import replace

from helixnas.artifacts import CostTable
from helixnas.artifacts.run_folder import RunFolder
from helixnas.artifacts.run_record import RunRecord
from helixnas.costs import cost_table
from helixnas.pipeline.context import Context, image_size
from helixnas.pipeline.plan import is_done, plan
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.work.search import check_budgets
from helixnas.search.amounts import LATENCY_LIMITS
from helixnas.search.config import SearchConfig
from helixnas.teacher import sketch_costs


def check_before_teacher(context: Context) -> None:
    """Check the budgets of a run that has not counted its present costs yet; raises the errors of `check_budgets`."""
    folder = context.folder
    record = folder.load_record() if folder.exists() else RunRecord(recipe="")
    costs = next(one for one in plan(context.recipe.to_dict(), record.contents) if one.stage.name == "costs")
    if not is_done(costs, record, folder):
        check_early(context.recipe, context.folder, num_classes=context.data.num_classes or None)


def check_early(recipe: Recipe, folder: RunFolder, *, num_classes: int | None, costs: CostTable | None = None) -> None:
    """Check the budgets of a recipe's searches, but not those on latency, which is not measured yet.

    `num_classes` is that of the images, None for the teacher's. The `costs` for so many classes are counted unless given.

    Raises:
        InfeasibleBudgetError: no architecture meets the budgets of a search; the message says why.
        UnknownNameError: a budget names a resource that is not counted.
    """
    searches = {name: _without_latency(search) for name, search in recipe.searches.items()}
    limits = [amount for search in searches.values() for part in (search.max, search.min) for amount in part.values()]
    if not limits:
        return
    space, size = recipe.search_space, image_size(recipe)
    teacher: dict[str, int] = {}
    if num_classes is None or any(str(amount).strip().endswith("%") for amount in limits):
        teacher, outputs = sketch_costs(recipe.built_teacher, num_classes=num_classes, image_size=size)
        num_classes = num_classes or outputs
    if costs is None:
        costs = cost_table(space, image_size=size, num_classes=num_classes)
    check_budgets(searches, space, costs, teacher, folder)


def _without_latency(search: SearchConfig) -> SearchConfig:
    limits = [{k: v for k, v in part.items() if k not in LATENCY_LIMITS} for part in (search.max, search.min)]
    return replace(search, max=limits[0], min=limits[1], front=(), resolution={})
