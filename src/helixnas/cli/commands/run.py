"""Commands of a whole run: run, status, report, recipes."""

import shlex
from argparse import Namespace
from pathlib import Path

from rich.console import Console

from helixnas.artifacts.run_folder import RunFolder
from helixnas.cli.command import Command, Parser
from helixnas.cli.option_values import open_run, say
from helixnas.cli.settings import add_recipe_arguments, read_recipe
from helixnas.cli.shipped import KINDS, shipped_recipes
from helixnas.cli.yaml_file import load_yaml
from helixnas.pipeline import stages

USES = {
    "recipe": "recipes: helixnas run NAME",
    "retraining recipe": "retraining recipes: helixnas retrain RUN --recipe NAME",
    "fine-tuning recipe": "fine-tuning recipes: helixnas finetune MODEL --recipe NAME",
    "study": "studies: helixnas study NAME",
}


def _add_run_options(parser: Parser) -> None:
    until = f"stop after {', '.join(stages.verbs())} or report"
    parser.option("recipe", metavar="RECIPE", help="a recipe's name (helixnas recipes) or YAML file")
    parser.option("--out", metavar="DIR", help="folder of the run; runs/NAME if not given")
    parser.option("--until", metavar="STAGE", choices=(*stages.verbs(), "report"), default="report", help=until)
    parser.flag("--dry-run", "show the plan, its sizes and an estimate of the time; needs no data")
    parser.flag("--redo", "replace a run of another recipe in the folder")
    parser.flag("--quiet", "print errors only")


def _run(options: Namespace, console: Console) -> None:
    recipe = read_recipe(options.recipe, options.overrides)
    folder = RunFolder(Path(options.out or f"runs/{recipe.name}"))
    if options.dry_run:
        from helixnas.cli.tables.plan import show_plan, show_sizes

        show_plan(recipe, folder, console)
        show_sizes(recipe, folder, console)
        own = ["--out", options.out] * bool(options.out) + ["--until", options.until] * (options.until != "report")
        own += ["--redo"] * options.redo + ["--quiet"] * options.quiet
        say(console, f"to do it: {shlex.join(['helixnas', 'run', options.recipe, *options.overrides, *own])}")
        return
    from helixnas.cli.progress import ConsoleReporter
    from helixnas.pipeline.run import run_recipe

    reporter = ConsoleReporter(Console(quiet=True) if options.quiet else console, folder.tensorboard)
    run_recipe(recipe, folder, reporter, until=options.until, redo=options.redo)


def _status(options: Namespace, console: Console) -> None:
    from helixnas.cli.tables.status import show_status

    show_status(*open_run(options.run), console)


def _report(options: Namespace, console: Console) -> None:
    from helixnas.report import build_report

    _, folder = open_run(options.run)
    say(console, f"report: {build_report(folder.path)}")


def _recipes(options: Namespace, console: Console) -> None:
    for kind in KINDS:
        say(console, USES[kind])
        for name, path in shipped_recipes(kind).items():
            say(console, f"  {name:<16} {load_yaml(path).get('description', '')}")


COMMANDS = (
    Command(
        name="run",
        purpose="run all stages of a recipe: teacher, distill, rate, search, retrain, report",
        example="helixnas run digits --out runs/digits --distill.num-epochs 20",
        details="Options change settings of the recipe (--distill.lr 0.002, "
        "--searches.small.max.macs 50%, --retrain null). The defaults below apply unless the recipe sets another value.",
        add_options=_add_run_options,
        run=_run,
        takes_settings=True,
        add_settings=add_recipe_arguments,
    ),
    Command(
        name="status",
        purpose="show which stages of a run are finished and which are left",
        example="helixnas status runs/digits",
        add_options=Parser.run_folder,
        run=_status,
    ),
    Command(
        name="report",
        purpose="write the report of a run",
        example="helixnas report runs/digits",
        add_options=Parser.run_folder,
        run=_report,
    ),
    Command(name="recipes", purpose="list the recipes that come with HelixNAS", run=_recipes),
)
