"""Command: one command as a value, with its options and the function that runs it; and the parser of its arguments."""

import argparse
import difflib
import math
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

from rich.console import Console

from helixnas.errors import ConfigError

NumberT = TypeVar("NumberT", int, float)


@dataclass(frozen=True, kw_only=True)
class Command:
    """A command: ``helixnas NAME ...``."""

    name: str
    purpose: str
    """One line of help, beginning with a verb in lower case."""

    example: str = ""
    """Shown below the options."""

    details: str = ""
    """Further sentences of the help."""

    add_options: Callable[["Parser"], None] = lambda parser: None
    run: Callable[[argparse.Namespace, Console], None]
    """Does the work; raises `HelixError` for bad input."""

    takes_settings: bool = False
    """Whether unknown options are settings of a recipe; they are kept in ``options.overrides``."""

    add_settings: Callable[["Parser"], None] | None = None
    """Adds an option per setting, for the help only."""

    wording: tuple[tuple[str, str], ...] = ()
    """Parts of messages that name settings, and what this command says instead: its own option, or nothing."""

    def worded(self, message: str) -> str:
        """Return a message in which settings that this command does not take are its own options.

        >>> Command(name="validate", purpose="...", run=print, wording=(("data.root", "--root"),)).worded(
        ...     "data.root is empty"
        ... )
        '--root is empty'
        """
        for setting, option in self.wording:
            message = message.replace(setting, option)
        return message

    def parse(self, words: Sequence[str]) -> argparse.Namespace:
        """Parse the words after the name of the command.

        Raises:
            ConfigError: an option is unknown, lacks its value, or its value has the wrong type.
            SystemExit: help was requested and printed.
        """
        parser = Parser(self)
        words, overrides = [_kebab(word) for word in words], list[str]()
        if self.takes_settings and not {"-h", "--help"}.intersection(words):
            words, overrides = parser.split(words)
        elif self.add_settings is not None:
            self.add_settings(parser)
        options, rest = parser.parse_known_args(words)
        if rest and rest[0].startswith("-"):
            raise unknown_option(rest[0].partition("=")[0], [*parser.arities])
        if rest:
            raise ConfigError(f"unexpected argument {rest[0]!r}; see helixnas {self.name} --help")
        options.overrides, options.verb = overrides, self.name
        return options


class Parser(argparse.ArgumentParser):
    """Parser of one command, which raises `ConfigError` instead of printing its usage and exiting."""

    def __init__(self, command: Command) -> None:
        purpose = f"{command.purpose[0].upper()}{command.purpose[1:]}."
        super().__init__(
            prog=f"helixnas {command.name}",
            description=f"{purpose} {command.details}".strip(),
            epilog=f"Example: {command.example}" if command.example else None,
            allow_abbrev=False,
        )
        self.command = command
        self.arities: dict[str, int] = {"-h": 0, "--help": 0}
        """The command's own options, and how many words follow each."""
        self._required = list[str]()
        self._group: Any = self
        command.add_options(self)
        settings = ["[--SECTION.SETTING VALUE ...]"] if command.takes_settings else []
        self.usage = " ".join([self.prog, *self._required, "[options]", *settings])

    def group(self, title: str) -> None:
        """Put the options that follow under a title."""
        self._group = self.add_argument_group(title)

    def option(self, *names: str, help: str, **settings: Any) -> None:
        """Add an option or argument; the help ends with the default unless that is empty."""
        default = settings.get("default")
        if default is not None and default is not False and default not in ("", []):
            help = f"{help} (default: {default})"
        action = self._group.add_argument(*names, help=help.replace("%", "%%"), **settings)
        for name in action.option_strings:
            self.arities[name] = 0 if settings.get("action") == "store_true" else 1
        if action.required or not action.option_strings:
            self._required.append(f"{names[0]} {action.metavar}" if action.option_strings else action.metavar)

    def run_folder(self) -> None:
        """Add the argument RUN."""
        self.option("run", metavar="RUN", help="folder of a run")

    def flag(self, name: str, help: str) -> None:
        """Add an option without a value."""
        self.option(name, action="store_true", help=help)

    def whole(self, name: str, default: int | None, help: str, metavar: str = "N", least: int = 0) -> None:
        """Add an option that is a whole number, not below `least`."""

        def read(text: str) -> int:
            if (value := _read(int, text, "a whole number")) < least:
                raise argparse.ArgumentTypeError(f"must be at least {least}, not {value}")
            return value

        self.option(name, metavar=metavar, type=read, default=default, help=help)

    def number(
        self, name: str, default: float | None, help: str, metavar: str = "X", least: float | None = None
    ) -> None:
        """Add an option that is a finite number, not below `least` if there is one."""

        def read(text: str) -> float:
            if not math.isfinite(value := _read(float, text, "a number")):
                raise argparse.ArgumentTypeError(f"must be a finite number, not {text!r}")
            if least is not None and value < least:
                raise argparse.ArgumentTypeError(f"must be at least {least:g}, not {value:g}")
            return value

        self.option(name, metavar=metavar, type=read, default=default, help=help)

    def repeated(self, name: str, metavar: str, help: str) -> None:
        """Add an option that may be given several times."""
        self.option(name, metavar=metavar, action="append", default=[], help=help)

    def split(self, words: Sequence[str]) -> tuple[list[str], list[str]]:
        """Split words into those of the command itself and those that set settings of its recipe."""
        own, settings, position = list[str](), list[str](), 0
        while position < len(words):
            word = words[position]
            name, equals, _ = word.partition("=")
            taken = 1 if equals or not word.startswith("-") else 1 + self.arities.get(name, 1)
            part = settings if word.startswith("--") and name not in self.arities else own
            part += words[position : position + taken]
            position += taken
        return own, settings

    def _print_message(self, message: str, file: Any = None) -> None:
        (file or sys.stdout).write(message)  # argparse would ignore an output that cannot be written, as on a full disk

    def error(self, message: str) -> NoReturn:
        """Raise `ConfigError` for an error that argparse found."""
        see = f"see helixnas {self.command.name} --help"
        if missing := re.match(r"the following arguments are required: (.*)", message):
            raise ConfigError(f"{missing[1]} is missing; {see}")
        if not (wrong := re.match(r"argument ([^ :]+): (.*)", message, re.DOTALL)):
            raise ConfigError(f"helixnas {self.command.name}: {message}")
        name = wrong[1].split("/")[0]
        if wrong[2] == "expected one argument":
            raise ConfigError(f"{name} needs a value; {see}")
        if choices := re.match(r"invalid choice: (.+?) \(choose from (.*)\)", wrong[2], re.DOTALL):
            raise ConfigError(f"{name} must be one of {choices[2].replace(chr(39), '')}, not {choices[1]}")
        raise ConfigError(f"{name} {wrong[2]}")


def _read(kind: type[NumberT], text: str, what: str) -> NumberT:
    """Return a number; raises the error that argparse turns into a sentence."""
    try:
        return kind(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"must be {what}, not {text!r}") from error


def unknown_option(option: str, known: Sequence[str]) -> ConfigError:
    """Return the error for an option that does not exist; it names the nearest ones that do."""
    close = difflib.get_close_matches(option, known, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(close)}?" if close else "see --help"
    return ConfigError(f"unknown option {option}; {hint}")


def _kebab(word: str) -> str:
    """Return an option with hyphens for underscores; settings with a dotted name stay as they are."""
    name, equals, value = word.partition("=")
    is_plain = name.startswith("--") and "." not in name
    return f"{name.replace('_', '-')}{equals}{value}" if is_plain else word
