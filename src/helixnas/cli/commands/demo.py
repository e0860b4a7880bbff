"""Command demo: a whole search on images that come with the package, and its report in the browser."""

import os
import sys
import webbrowser
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from helixnas.artifacts.run_folder import RunFolder
from helixnas.cli.command import Command, Parser
from helixnas.cli.option_values import say
from helixnas.cli.settings import read_recipe

RECIPE = "digits"

SHORTER = (
    "--description=Handwritten digits at 16 pixels; the recipe digits, trained for a shorter time.",
    "--teacher-fit.num-epochs=8",
    "--distill.num-epochs=4",
    "--stitching.num-architectures=30",
    "--proxies.num-networks=60",
    "--retrain.fit.num-epochs=6",
)
"""Settings of the recipe that the demo changes to be done in two to three minutes."""


def _add_demo_options(parser: Parser) -> None:
    parser.option("--out", metavar="DIR", default="runs/demo", help="folder of the run")
    parser.flag("--no-open", "do not open the report in a browser")
    parser.flag("--quiet", "print the path of the report only")


def _demo(options: Namespace, console: Console) -> None:
    recipe = read_recipe(RECIPE, SHORTER)
    from helixnas.engine.console import ConsoleReporter
    from helixnas.pipeline.run import run_recipe

    folder = RunFolder(Path(options.out))
    shown = Console(quiet=True) if options.quiet else console
    say(shown, "a search on handwritten digits, all stages in two to three minutes on two CPU cores; no download")
    run_recipe(recipe, folder, ConsoleReporter(shown, folder.tensorboard))
    page = folder.report.resolve()
    say(console, str(page))
    say(shown, f"next: helixnas search {options.out} --max macs=40% --name mine, or helixnas recipes")
    if not options.no_open and has_display(os.environ, sys.platform):
        webbrowser.open(page.as_uri())


def has_display(environment: Mapping[str, str], platform: str) -> bool:
    """Return whether a browser window can be shown; never on Linux without a display, where a text browser might start.

    >>> has_display({}, "linux"), has_display({"DISPLAY": ":0"}, "linux"), has_display({}, "darwin")
    (False, True, True)
    """
    is_elsewhere = platform in ("darwin", "win32")
    return is_elsewhere or bool(environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY"))


COMMANDS = (
    Command(
        name="demo",
        purpose="search on handwritten digits in two to three minutes, and open the report",
        example="helixnas demo",
        add_options=_add_demo_options,
        run=_demo,
    ),
)
