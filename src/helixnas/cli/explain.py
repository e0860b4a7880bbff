"""What an argument parser found wrong, in one clear sentence."""

import difflib
import re
from collections.abc import Sequence

from jsonargparse import ArgumentParser

from helixnas.errors import ConfigError, HelixError

WORDS = {int: "a whole number", float: "a number", str: "text", bool: "true or false", type(None): "null"}
"""What a plain type is called in messages."""


def explain(error: BaseException, parser: ArgumentParser, verb: str) -> HelixError:
    """Return one clear sentence for what an argument parser found wrong."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, HelixError):
            return cause
        cause = cause.__cause__ or cause.__context__
    text = " ".join(str(error).split())
    unknown = re.search(r"unrecognized arguments: ([^\s=]+)", text, re.IGNORECASE)
    if unknown and not unknown[1].startswith("-"):
        return ConfigError(f"unexpected argument {unknown[1]!r}; see helixnas {verb} --help")
    if unknown:
        return unknown_option(unknown[1], [o for a in parser._actions for o in a.option_strings])
    missing = re.search(r"arguments are required: (.*)", text)
    if missing:
        names = [name.strip().removeprefix(f"{verb}.") for name in missing[1].split(",")]
        flags = {action.dest: action.option_strings for action in parser._actions if action.option_strings}
        words = ", ".join(flags[name][0] if name in flags else name.upper() for name in names)
        return ConfigError(f"{words} is missing; see helixnas {verb} --help")
    wrong = re.search(r'Parser key "([^"]+)": Expected a <class \'(\w+)\'>. Got value: (.*)', text)
    if wrong:
        expected = {kind.__name__: words for kind, words in WORDS.items()}.get(wrong[2], wrong[2])
        return ConfigError(f"--{wrong[1]} must be {expected}, not {wrong[3]!r}")
    return ConfigError(f"helixnas {verb}: {text}")


def unknown_option(option: str, known: Sequence[str]) -> ConfigError:
    """Return the sentence for an option that does not exist, with the nearest ones that do."""
    close = difflib.get_close_matches(option, known, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(close)}?" if close else "see --help"
    return ConfigError(f"unknown option {option}; {hint}")
