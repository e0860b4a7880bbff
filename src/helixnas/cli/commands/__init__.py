"""The commands in the order of the help. Each file holds a group of commands: their options and their work."""

from importlib import metadata

from rich.console import Console

from helixnas.cli.command import Command, unknown_option
from helixnas.cli.commands import (
    comparison,
    costs,
    demo,
    experiments,
    init,
    jobs,
    models,
    run,
    search,
    stages,
    transfer,
)
from helixnas.cli.option_values import say
from helixnas.errors import UnknownNameError
from helixnas.pipeline.stages import position

COMMANDS: tuple[Command, ...] = (
    *demo.COMMANDS,
    *init.COMMANDS,
    *run.COMMANDS,
    *sorted((*stages.COMMANDS, *costs.COMMANDS, *search.COMMANDS), key=lambda command: position(command.name)),
    *jobs.COMMANDS,
    *comparison.COMMANDS,
    *experiments.COMMANDS,
    *models.COMMANDS,
    *transfer.COMMANDS,
)


def find_command(name: str) -> Command:
    """Return the command with a name.

    Raises:
        UnknownNameError: there is no such command; the message names the nearest.
        ConfigError: the name is an option.
    """
    found = next((command for command in COMMANDS if command.name == name), None)
    if found is None and name.startswith("-"):
        raise unknown_option(name, ["--help", "--version"])
    if found is None:
        raise UnknownNameError("command", name, [command.name for command in COMMANDS])
    return found


def show_overview(console: Console) -> None:
    """Print what HelixNAS does and its commands."""
    lines = (
        "usage: helixnas COMMAND ... | --help | --version",
        "",
        "Block-wise distilled neural architecture search. Begin with: helixnas demo; a recipe: helixnas run digits",
        "Your own: helixnas init --teacher resnet18 --data photos --max macs=40% -o my.yaml; helixnas run my.yaml",
        "",
        *(f"  {command.name:<10} {command.purpose}" for command in COMMANDS),
        "",
        "helixnas COMMAND --help shows the options of a command.",
    )
    say(console, "\n".join(lines))


def show_version(console: Console) -> None:
    """Print the version of the package."""
    console.print(metadata.version("helixnas"), highlight=False)
