"""Command init: a recipe from a teacher, images and limits; and the same for `helixnas run` without a recipe."""

import shlex
import sys
from argparse import Namespace
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.prompt import Prompt

from helixnas.artifacts.files import read_text, require_writable, write_text
from helixnas.cli.command import Command, Parser
from helixnas.cli.option_values import amounts, named_as_options, say
from helixnas.cli.yaml_file import load_yaml
from helixnas.costs.config import RUNTIMES
from helixnas.data.source import find_root
from helixnas.errors import ConfigError
from helixnas.start.request import STUDENTS, Request, beside

QUESTIONS = {
    "teacher": ("a timm model that teaches, for example resnet18", "teacher"),
    "data": ("a folder of images, one folder per class if they have labels", "images"),
    "max": ("limits, for example macs=40% (of the teacher's) params=2M", "limits"),
}
"""What is asked on a terminal where an answer is missing: a hint, and the name of the answer."""

DEFAULTS = Request(teacher="resnet18", data="photos", max={"macs": "40%"})
ONLY_WITHOUT_RECIPE = ("max", "boundary", "weights", "student", "hours", "image_size", "latency_runtime")


def add_request_options(parser: Parser) -> None:
    """Add an option for every part of a request."""
    parser.option("--teacher", metavar="NAME", help="timm model that teaches")
    parser.option("--data", metavar="PATH", help="folder or tar of images, Parquet files, digits, torch/cifar10, ...")
    parser.repeated("--max", "RESOURCE=AMOUNT", "limit: macs=40% (of the teacher's), params=2M, latency_ms=8, ...")
    weights = "the teacher's weights: auto (timm's, where there are any), hub, package, none (trained first) or a file"
    parser.option("--weights", metavar="SOURCE", help=f"{weights} (default: auto)")
    parser.repeated("--boundary", "MODULE", "module of the teacher where a block ends, in order; chosen if not given")
    student = "kind of the searched networks; same: vit if the teacher's features all have one grid, else mbconv"
    parser.option("--student", choices=STUDENTS, help=f"{student} (default: same)")
    parser.number("--hours", None, f"time that the run may take on this machine (default: {DEFAULTS.hours:g})")
    parser.whole("--image-size", None, "image height and width; chosen if not given", metavar="PIXELS")
    parser.option(
        "--latency-runtime", choices=RUNTIMES, help="where a limit on latency is measured; chosen if not given"
    )


def request_from(options: Namespace, console: Console) -> Request:
    """Return the request that the options make; on a terminal, ask for what is missing.

    Raises `ConfigError` if an answer is missing or wrong.
    """
    given: dict[str, Any] = {"max": amounts(options.max, "--max")}
    for name in ("teacher", "data", "weights", "student", "hours", "image_size", "latency_runtime"):
        if (value := getattr(options, name, None)) is not None:
            given[name] = value
    given["boundaries"] = tuple(options.boundary)
    if getattr(options, "imports", None):
        given["imports"] = tuple(options.imports)
    missing = [name for name in QUESTIONS if not given.get(name)]
    if missing and console.is_terminal and not console.quiet and sys.stdin.isatty():
        with suppress(EOFError):  # Ctrl-D gives no answer, and `Request` names the first one that is missing
            for name in missing:
                hint, title = QUESTIONS[name]
                answer = Prompt.ask(f"{title} ({hint})", console=console).strip()
                given[name] = amounts(answer.replace(",", " ").split(), "--max") if name == "max" else answer
    with named_as_options("", ONLY_WITHOUT_RECIPE):
        return Request(**given)


@dataclass(frozen=True, kw_only=True)
class FittedRecipe:
    """A recipe that `helixnas run` makes of its options."""

    settings: dict[str, Any]
    file: Path
    """Where it is kept, beside the folder of the run."""

    folder: Path
    words: tuple[str, ...]
    """What names it on the command line: its file, or the options where it was not written."""


def fitted_recipe(options: Namespace, console: Console) -> FittedRecipe:
    """Return the recipe that the options of `helixnas run` make, and write it unless this is a dry run.

    A file that the same request made is used again, as it is now. Raises `ConfigError` if the file is there and another request
    made it.
    """
    if not (options.teacher or options.data or options.max or console.is_terminal):
        raise ConfigError("RECIPE is missing; see helixnas run --help, or give --teacher, --data and --max")
    request = request_from(options, console)
    folder = Path(options.out or f"runs/{request.name}")
    file = beside(folder, ".yaml")
    if file.is_file():
        from helixnas.start.recipe_text import heading

        if not read_text(file).startswith(heading(request)):
            raise ConfigError(
                f"{file} is a recipe for other answers; run it (helixnas run {shlex.quote(str(file))}), remove it, or choose "
                "another --out"
            )
        say(console, f"recipe: {file}, made earlier")
    elif options.dry_run:
        settings = yaml.safe_load(_text(request, console))
        words = tuple(shlex.split(replace(request, imports=()).command)[2:])  # imports are settings of a run
        return FittedRecipe(settings=settings, file=file, folder=folder, words=words)
    else:
        require_writable(file)
        write_text(file, _text(request, console))
        say(console, f"recipe: {file}")
    return FittedRecipe(settings=load_yaml(file), file=file, folder=folder, words=(str(file),))


def require_recipe_options(options: Namespace) -> list[str]:
    """Return the overrides that --teacher and --data are where a recipe is named; raises where other options need none."""
    for name in ONLY_WITHOUT_RECIPE:
        if getattr(options, name) not in (None, []):
            advice = "searches.NAME.max" if name == "max" else "the settings of the recipe"
            raise ConfigError(
                f"--{name.replace('_', '-')} goes with --teacher and --data and without a recipe; change {advice}, for example "
                "--searches.small.max.macs 40%"
            )
    pairs = [(f"--{name}", getattr(options, name)) for name in ("teacher", "data")]
    return [word for option, value in pairs if value is not None for word in (option, value)]


def _text(request: Request, console: Console) -> str:
    """Return the recipe that a request leads to, and print what was found for it."""
    if request.images.root and not request.images.download:
        find_root(request.images.root)  # a wrong path is told before torch is loaded
    from helixnas.start.proposal import propose
    from helixnas.start.recipe_text import recipe_text

    return recipe_text(propose(request, lambda text: say(console, text)))


def _add_init_options(parser: Parser) -> None:
    add_request_options(parser)
    parser.repeated("--imports", "MODULE", "Python module or file to import first, which registers the teacher")
    parser.option("-o", "--out", metavar="FILE", help="the recipe to write; TEACHER-IMAGES.yaml if not given")
    parser.flag("--force", "replace a file that is there")


def _init(options: Namespace, console: Console) -> None:
    request = request_from(options, console)
    file = Path(options.out or f"{request.name}.yaml")
    if file.suffix not in (".yaml", ".yml"):
        raise ConfigError(f"--out {file} must end in .yaml, so that helixnas run knows it as a recipe")
    if file.exists() and not options.force:
        raise ConfigError(f"{file} is there already; add --force to replace it, or choose another --out")
    require_writable(file)
    write_text(file, _text(request, console))
    say(console, f"recipe: {file}")
    say(console, f"next: helixnas run {shlex.quote(str(file))}")


COMMANDS = (
    Command(
        name="init",
        purpose="write a recipe for your teacher, your images and your limits",
        example="helixnas init --teacher resnet18 --data photos --max macs=40% --hours 2 -o my.yaml",
        details="It looks at all three and at this machine, fits a search space to the limits, and chooses batch sizes and "
        "epochs for the hours. On a terminal it asks for what is missing.",
        add_options=_add_init_options,
        run=_init,
    ),
)
