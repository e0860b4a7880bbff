"""The dry run of a benchmark."""

from rich.console import Console

from helixnas.cli.option_values import say
from helixnas.experiments.benchmark_plan import BenchmarkPlan
from helixnas.pipeline.batch_norm import check_batch_norm
from helixnas.pipeline.context import image_size
from helixnas.pipeline.stages.wording import steps_text


def show_plan(plan: BenchmarkPlan, console: Console) -> None:
    """Print the networks and trainings of a benchmark, and how many are left; needs no data."""
    check_batch_norm(plan.recipe, ("retrain",))
    fit, size = plan.recipe.retraining.fit, image_size(plan.recipe)
    macs = sorted(plan.costs.of(architecture)["macs"] / 1e6 for architecture in plan.architectures)
    trainings = len(plan.architectures) * plan.num_trainings
    images = plan.recipe.expected_training_images
    say(
        console,
        f"{len(plan.architectures):,} of the {plan.space.size:,} networks of space {plan.space.name}, with {macs[0]:,.1f} M to "
        f"{macs[-1]:,.1f} M multiply-adds at {size} pixels\n"
        f"{trainings:,} trainings of {steps_text(fit.num_epochs, fit.batch_size, images)}, each; "
        f"{len(plan.left(plan.trained())):,} to do\n"
        f"file: {plan.out}",
    )
