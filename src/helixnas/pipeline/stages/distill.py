"""distill: train every block of the supernet on the teacher's features (Eq. 5 and 6)."""

from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.stage import ForwardTimes, Stage
from helixnas.pipeline.stages.wording import BACKWARD, distill_text, num_steps


def _seconds(recipe: Recipe, times: ForwardTimes) -> float:
    config = recipe.distill
    steps = num_steps(config.num_epochs, config.batch_size, recipe.expected_training_images, stop_at=config.stop_at)
    return steps * config.batch_size * (times.teacher + (1 + BACKWARD) * times.supernet)


DISTILL = Stage(
    name="distill",
    verb="distill",
    purpose="train the supernet on the teacher's features",
    settings=lambda values, search: {"supernet": values["supernet"], "distill": values["distill"]},
    upstream=lambda values, search: ("teacher",),
    describe=lambda recipe, search: distill_text(recipe.distill, recipe.expected_training_images),
    seconds=_seconds,
    work="helixnas.pipeline.work.distill:distill",
    check="helixnas.pipeline.work.early_budgets:check_before_teacher",
    check_before="helixnas.pipeline.work.distill:check_searches",
    files=("supernet/*", "history/distill*.parquet"),
    first=("costs", "latency"),  # a budget that cannot be met is reported before the long training
)
