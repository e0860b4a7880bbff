"""What each verb does: one call into the pipeline each, imported when it is needed."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from helixnas.errors import ConfigError


def run(options: Any, overrides: Sequence[str], console: Console) -> None:
    """Go through a recipe, or show its plan."""
    from helixnas.cli.recipes import read_recipe
    from helixnas.pipeline.dry_run import dry_run
    from helixnas.pipeline.reporting import ConsoleReporter
    from helixnas.pipeline.run import run_recipe
    from helixnas.pipeline.run_folder import RunFolder

    recipe = read_recipe(options.recipe, overrides)
    folder = RunFolder(Path(options.out or f"runs/{recipe.name}"))
    if options.dry_run:
        dry_run(recipe, folder, console, until=options.until)
        return
    reporter = ConsoleReporter(Console(quiet=True) if options.quiet else console, folder.tensorboard)
    run_recipe(recipe, folder, reporter, until=options.until, redo=options.redo)


def stage(options: Any, console: Console) -> None:
    """Do one stage of an existing run; the stages before it must be done."""
    from helixnas.pipeline.reporting import ConsoleReporter
    from helixnas.pipeline.run import run_stage

    recipe, folder = _open(options.run)
    reporter = ConsoleReporter(console, folder.tensorboard)
    blocks = tuple(getattr(options, "blocks", ()) or ())
    run_stage(recipe, folder, reporter, verb=options.verb, name=getattr(options, "name", None), blocks=blocks)


def search(options: Any, console: Console) -> None:
    """Search an existing run under new budgets, or do the recipe's searches."""
    from helixnas.pipeline.run_folder import RunFolder
    from helixnas.pipeline.search_config import SearchConfig
    from helixnas.pipeline.searching import search_run, show_outcome

    folder = RunFolder(Path(options.run))
    limits = SearchConfig(max=_limits(options.max, "--max"), min=_limits(options.min, "--min"))
    for name, outcome in search_run(folder, options.name, limits if options.max or options.min else None):
        show_outcome(console, name, outcome, top=options.top)


def report(options: Any, console: Console) -> None:
    """Write the report of a run."""
    from helixnas.pipeline.run import write_report

    _, folder = _open(options.run)
    console.print(f"report: {write_report(folder)}", highlight=False, soft_wrap=True)


def status(options: Any, console: Console) -> None:
    """Say what is finished."""
    from helixnas.pipeline.status import show_status

    recipe, folder = _open(options.run)
    show_status(recipe, folder, console)


def recipes(console: Console) -> None:
    """List the shipped recipes."""
    from helixnas.cli.recipes import load_yaml
    from helixnas.pipeline.recipe import shipped_recipes

    for name, path in shipped_recipes().items():
        console.print(f"{name:<16} {load_yaml(path).get('description', '')}", highlight=False)


def _open(run: str) -> tuple[Any, Any]:
    from helixnas.cli.recipes import recipe_from_settings
    from helixnas.pipeline.run_folder import RunFolder

    folder = RunFolder(Path(run))
    folder.load_record()
    return recipe_from_settings(folder.load_settings(), where=str(folder.config)), folder


def _limits(texts: Sequence[str], option: str) -> dict[str, str]:
    """Read RESOURCE=AMOUNT texts."""
    limits: dict[str, str] = {}
    for text in texts:
        name, equals, amount = text.partition("=")
        if not equals or not name or not amount:
            raise ConfigError(f"{option} {text!r} must be RESOURCE=AMOUNT, for example macs=350M or params=60%")
        limits[name] = amount
    return limits
