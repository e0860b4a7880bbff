"""Commands of a whole run: run, status, report, recipes."""

import shlex
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from helixnas.artifacts.lineage import LineageFolder
from helixnas.artifacts.run_folder import RunFolder
from helixnas.cli.command import Command, Parser
from helixnas.cli.commands.init import add_request_options, fitted_recipe, require_recipe_options
from helixnas.cli.executor_options import add_executor_options, spread_of
from helixnas.cli.hardware_options import Asked, add_hardware_options, asked_hardware
from helixnas.cli.option_values import open_run, say
from helixnas.cli.settings import add_recipe_arguments, read_recipe, recipe_from_settings, with_overrides
from helixnas.cli.shipped import KINDS, shipped_recipes
from helixnas.cli.yaml_file import load_yaml
from helixnas.pipeline import stages
from helixnas.pipeline.recipe import Recipe

USES = {
    "recipe": "recipes: helixnas run NAME",
    "retraining recipe": "retraining recipes: helixnas retrain RUN --recipe NAME",
    "fine-tuning recipe": "fine-tuning recipes: helixnas finetune MODEL --recipe NAME",
    "transfer recipe": "transfer recipes: helixnas transfer MODEL --data DIR --recipe NAME",
    "study": "studies: helixnas study NAME",
    "preset": "presets, which change settings of any recipe: helixnas run RECIPE --preset NAME",
}


def _add_run_options(parser: Parser) -> None:
    until = f"stop after {', '.join(stages.verbs())} or report"
    recipe = "a recipe's name (helixnas recipes) or YAML file; without one, give --teacher, --data and --max"
    parser.option("recipe", metavar="RECIPE", nargs="?", help=recipe)
    parser.option("--out", metavar="DIR", help="folder of the run; runs/NAME if not given")
    parser.option("--until", metavar="STAGE", choices=(*stages.verbs(), "report"), default="report", help=until)
    add_executor_options(parser)
    parser.flag(
        "--dry-run",
        "show the plan, its sizes and an estimate of the time; with a RECIPE, needs no data; writes nothing",
    )
    add_hardware_options(parser)
    parser.flag("--redo", "replace a run of another recipe in the folder")
    reuse = "take over the stages of a finished run, or of generations, whose settings are the same; may be repeated"
    parser.repeated("--reuse", "RUN", reuse)
    parser.flag("--quiet", "print errors only")
    parser.group("without a recipe, which is then made as by helixnas init and kept beside the run")
    add_request_options(parser)


def _run(options: Namespace, console: Console) -> None:
    asked = asked_hardware(options)
    shown = Console(quiet=True) if options.quiet else console
    if options.recipe is None:
        options.imports = with_overrides({}, options.overrides).get("imports", ())
        made = fitted_recipe(options, shown)
        recipe = recipe_from_settings(made.settings, options.overrides, where=str(made.file))
        options.out, named = str(made.folder), made.words
    else:
        options.overrides = [*require_recipe_options(options), *options.overrides]
        recipe, named = read_recipe(options.recipe, options.overrides), (options.recipe,)
    spread = spread_of(options)
    out, others = Path(options.out or f"runs/{recipe.name}"), _reused(recipe, options.reuse, shown)
    if options.dry_run:
        _show_plan(recipe, out, options, console, asked, named, others=others)
        return
    from helixnas.engine.console import ConsoleReporter

    how: dict[str, Any] = {"until": options.until, "redo": options.redo, "others": others, "spread": spread}
    if recipe.generations is not None:
        from helixnas.generations.run import run_generations

        run_generations(recipe, LineageFolder(out), ConsoleReporter(shown), **how)
        return
    from helixnas.pipeline.run import run_recipe

    folder = RunFolder(out)
    run_recipe(recipe, folder, ConsoleReporter(shown, folder.tensorboard), **how)


def _reused(recipe: Recipe, paths: Sequence[str], console: Console) -> list[RunFolder]:
    """Return the runs whose stages may be reused; warn of those that have none of the recipe, with the reason.

    Raises `ArtifactError` if a path is no run.
    """
    from helixnas.pipeline.plan import plan
    from helixnas.pipeline.reuse import reason_not_to_reuse

    stages_of_recipe, found = plan(recipe.to_dict()) if paths else (), list[RunFolder]()
    for path in paths:
        lineage = LineageFolder(Path(path))
        runs = list(lineage.runs()) if lineage.exists() else [open_run(path)[1]]
        reasons = [reason_not_to_reuse(stages_of_recipe, each) for each in runs]
        if reasons and all(reasons):
            say(console, f"warning: nothing of {path} can be reused ({reasons[0]})")
        found += runs
    return found


def _show_plan(
    recipe: Recipe,
    out: Path,
    options: Namespace,
    console: Console,
    asked: Asked | None,
    named: Sequence[str],
    *,
    others: Sequence[RunFolder],
) -> None:
    """Print what a run would do, for every generation if there are several; `named` are the words that name its recipe."""
    from helixnas.cli.tables.plan import Estimate, show_end_of_generations, show_plan, show_sizes
    from helixnas.data.readers import count_classes

    if recipe.generations is None:
        show_plan(recipe, RunFolder(out), console, others=others)
        show_sizes(recipe, RunFolder(out), console, asked, num_classes=count_classes(recipe.data))
    else:
        from helixnas.generations.outlook import outlook

        num_classes, shown = count_classes(recipe.data), list[tuple[Recipe, Estimate | None]]()
        for one in outlook(recipe, LineageFolder(out), num_classes=num_classes):
            say(
                console, f"generation {one.number} of at most {recipe.generations.number}{one.note and f': {one.note}'}"
            )
            show_plan(one.recipe, one.folder, console, until="search", others=others)
            estimate = show_sizes(one.recipe, one.folder, console, asked, num_classes=num_classes, until="search")
            shown.append((one.recipe, estimate))
        show_end_of_generations(recipe, shown, console, asked)
    own = ["--out", options.out] * bool(options.out) + ["--until", options.until] * (options.until != "report")
    own += ["--executor", options.executor] * bool(options.executor) + ["--by", options.by] * bool(options.by)
    own += ["--redo"] * options.redo + ["--quiet"] * options.quiet
    own += [word for path in options.reuse for word in ("--reuse", path)]
    say(console, f"to do it: {shlex.join(['helixnas', 'run', *named, *options.overrides, *own])}")


def _status(options: Namespace, console: Console) -> None:
    from helixnas.cli.tables.status import show_generations, show_status, show_trainings, work_of_benchmark

    lineage = LineageFolder(Path(options.run))
    if (work := work_of_benchmark(Path(options.run))) is not None:
        show_trainings(*work, console)
    elif lineage.exists():
        show_generations(lineage, console)
    else:
        show_status(*open_run(options.run), console)


def _report(options: Namespace, console: Console) -> None:
    lineage = LineageFolder(Path(options.run))
    if lineage.exists():
        from helixnas.report import build_generations_page

        say(console, f"report: {build_generations_page(lineage)}")
        return
    from helixnas.report import build_report

    _, folder = open_run(options.run)
    say(console, f"report: {build_report(folder.path)}")


def _add_recipes_options(parser: Parser) -> None:
    parser.flag("--settings", "print every setting of a recipe, as Markdown, instead")


def _recipes(options: Namespace, console: Console) -> None:
    if options.settings:
        from helixnas.cli.tables.recipe_format import recipe_format

        say(console, recipe_format().rstrip("\n"))
        return
    for kind in KINDS:
        say(console, USES[kind])
        for name, path in shipped_recipes(kind).items():
            say(console, f"  {name:<16} {load_yaml(path).get('description', '')}")


def _spaces(options: Namespace, console: Console) -> None:
    from helixnas.cli.tables.spaces import show_spaces

    show_spaces(console)


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
        details="Also of a benchmark file that `bench build --executor` is building: its trainings in jobs.",
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
    Command(
        name="recipes",
        purpose="list the recipes that come with HelixNAS",
        add_options=_add_recipes_options,
        run=_recipes,
    ),
    Command(name="spaces", purpose="list the families of search spaces and draw their cells", run=_spaces),
)
