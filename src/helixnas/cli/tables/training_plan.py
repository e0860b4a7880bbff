"""The plan of a training on the terminal."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from helixnas.engine.config import FitConfig
from helixnas.models.training_plan import TrainingPlan


def show_plan(console: Console, title: str, plan: TrainingPlan, fit: FitConfig) -> None:
    """Print what a training would take."""
    table = Table(title=title, title_justify="left", show_header=False)
    frozen, batch = plan.params - plan.trained_params, fit.microbatch_size or fit.batch_size
    for name, value in (
        ("training images", plan.images),
        ("classes", f"{plan.num_classes}"),
        ("steps", f"{plan.steps:,}: {fit.num_epochs} epochs of {plan.steps_per_epoch:,}, {fit.batch_size} images each"),
        ("parameters", f"{plan.params:,}{f', {frozen:,} of them frozen' if frozen else ''}"),
        ("multiply-adds", f"{plan.macs:,} for a square image of the training size"),
        ("memory", f"about {plan.memory / 2**30:.1f} GiB in float32, {batch} images at a time"),
        *((("the paper", plan.paper),) if plan.paper else ()),
    ):
        table.add_row(name, Text(value))
    console.print(table)
