"""The command settle: rate at later and later moments of distillation, until scores no longer change."""

from argparse import Namespace

from rich.console import Console

from helixnas.cli.command import Command, Parser
from helixnas.cli.executor_options import add_executor_options, spread_of
from helixnas.cli.option_values import open_run


def _add_settle_options(parser: Parser) -> None:
    parser.run_folder()
    first = "first moment, as a fraction of all steps; the recipe's distill.stop_at if not given"
    parser.number("--first", None, first, metavar="SHARE")
    parser.number("--latest", 1.0, "latest moment", metavar="SHARE")
    parser.number("--enough", 0.8, "agreement with the moment before at which to stop, a correlation", metavar="R")
    add_executor_options(parser, what="train and rate")


def _settle(options: Namespace, console: Console) -> None:
    from helixnas.cli.progress import ConsoleReporter
    from helixnas.cli.tables.settle import show_settling
    from helixnas.pipeline.ad_hoc.settle import settle

    recipe, folder = open_run(options.run)
    numbers = {"enough": options.enough, "first": options.first, "latest": options.latest}
    reporter = ConsoleReporter(console, folder.tensorboard)
    show_settling(settle(recipe, folder, reporter, spread=spread_of(options), **numbers), folder, console)


COMMANDS = (
    Command(
        name="settle",
        purpose="train on, and rate again at twice as many steps, until the scores of two moments agree beyond size",
        example="helixnas settle runs/digits --first 0.125",
        details="Needs no trained accuracies: scores that still change from one moment to the next say little yet. The run keeps "
        "the last moment and its distill.stop_at; search again afterwards.",
        add_options=_add_settle_options,
        run=_settle,
    ),
)
