"""Command compare: the winner of a search beside timm models and random networks of its size, trained alike."""

from argparse import Namespace
from typing import Any

from rich.console import Console

from helixnas.cli.command import Command, Parser
from helixnas.cli.option_values import open_run, words
from helixnas.cli.settings import recipe_from_settings
from helixnas.costs.config import RUNTIMES, CostsConfig
from helixnas.errors import ConfigError
from helixnas.pipeline.recipe import Recipe

ALLOWED = ("--retrain.", "--retrain=", "--runtime.")
"""Beginnings of the settings that may differ from the run's; any other would compare on other images."""

NUM_EPOCHS = "--retrain.fit.num"


def _add_compare_options(parser: Parser) -> None:
    parser.run_folder()
    models = (
        "timm models to scale in width to the winner's multiply-adds; MODEL@96 gets images enlarged to 96 pixels; teacher for "
        "the run's teacher, not scaled"
    )
    parser.option("--with", metavar="MODEL,...", default="", dest="models", help=models)
    parser.whole("--random", 3, "number of random networks of the space near the budget")
    parser.option("--search", metavar="NAME", help="the search whose winner is compared; needed if there are several")
    budget = "multiply-adds to scale to: the winner's, or the limit of its search"
    parser.option("--budget", choices=("winner", "limit"), default="winner", help=budget)
    parser.number("--tolerance", 3.0, "largest difference of a random network from the budget", metavar="PERCENT")
    epochs = "passes over the training images; as many as retraining has, but at most 10, if not given"
    parser.whole("--num-epochs", None, epochs, least=1)
    parser.whole(
        "--num-trainings", 1, "trainings of each network with different seeds; 2 or more show the noise", least=1
    )
    latency = f"measure latency with {', '.join(RUNTIMES[:3])}, ..., or none; as the run did if not given"
    parser.option("--latency", metavar="RUNTIME", choices=(*RUNTIMES, "none"), help=latency)
    parser.flag("--dry-run", "show the networks, their sizes and an estimate of the time; needs no data")
    parser.flag("--quiet", "print errors only")


def _compare(options: Namespace, console: Console) -> None:
    shown = Console(quiet=True) if options.quiet else console
    recipe, folder = open_run(options.run, shown, is_best=True, search=options.search or "")
    search = folder.chosen_search(options.search)
    recipe = _changed(recipe, options.overrides, where=str(folder.config))
    if not 0 < options.tolerance < 100:
        raise ConfigError(f"--tolerance must be above 0 and below 100 percent, not {options.tolerance:g}")
    latency = _latency(recipe, options.latency)
    from helixnas.cli.tables.comparison import show_comparison, show_plan
    from helixnas.engine.console import ConsoleReporter
    from helixnas.experiments.comparison import compare_networks
    from helixnas.experiments.comparison_plan import plan_comparison

    plan = plan_comparison(
        recipe,
        folder,
        search,
        num_epochs=options.num_epochs,
        models=tuple(words(options.models)),
        num_random=options.random,
        num_trainings=options.num_trainings,
        budget=options.budget,
        tolerance=options.tolerance / 100,
        latency=latency,
    )
    if options.dry_run:
        show_plan(plan, console)
        return
    show_comparison(compare_networks(plan, ConsoleReporter(shown)), plan.file, shown)


def _changed(recipe: Recipe, overrides: list[str], *, where: str) -> Recipe:
    """Return the recipe of the run with other settings of the trainings."""
    for word in overrides:
        if word.startswith(NUM_EPOCHS):
            raise ConfigError("the number of epochs of a comparison is --num-epochs")
        if word.startswith("--") and word != "--retrain" and not word.startswith(ALLOWED):
            raise ConfigError(
                f"{word.partition('=')[0]} cannot be changed: a comparison uses the images and the space of the run; only "
                "settings that begin with --retrain. or --runtime. can differ"
            )
    values: dict[str, Any] = recipe.to_dict()
    return recipe_from_settings(values, overrides, where=where) if overrides else recipe


def _latency(recipe: Recipe, runtime: str | None) -> CostsConfig | None:
    """Return how latency is measured: as the option says, else as the run did; None if not at all."""
    costs = recipe.costs
    if runtime is None:
        return costs if costs.latency else None
    if runtime == "none":
        return None
    return CostsConfig(
        latency=runtime, batch_size=costs.batch_size, num_threads=costs.num_threads, num_rounds=costs.num_rounds
    )


COMMANDS = (
    Command(
        name="compare",
        purpose="train timm models and random networks of the winner's size as the winner, and compare them",
        example="helixnas compare runs/digits --search small --with mobilenetv3_small_100,resnet18 --random 3",
        details="Options change settings of the trainings (--retrain.fit.lr 0.002). The same command continues a stopped "
        "comparison and adds further networks to a finished one.",
        add_options=_add_compare_options,
        run=_compare,
        takes_settings=True,
    ),
)
