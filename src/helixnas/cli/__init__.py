"""The command line: arguments -> one call; a mistake is one sentence and exit code 2."""

import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Any

from rich.console import Console

from helixnas.cli.parsers import VERBS, build_parser
from helixnas.errors import ConfigError, HelixError, Interrupted, UnknownNameError

BAD_INPUT, INTERRUPTED = 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0 done, 2 bad input, 130 interrupted.

    >>> main(["status", "no/such/run"])
    2
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    console, errors = Console(), Console(stderr=True)
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        _dispatch(words, console)
    except (Interrupted, KeyboardInterrupt) as error:
        reason = str(error) or "stopped"
        errors.print(f"{reason}; go on with: {_command(words)}", highlight=False, soft_wrap=True, markup=False)
        return INTERRUPTED
    except HelixError as error:
        errors.print(f"helixnas: {error}", highlight=False, soft_wrap=True, markup=False)
        return BAD_INPUT
    except BrokenPipeError:
        return 0
    finally:
        signal.signal(signal.SIGTERM, before)
    return 0


def _dispatch(words: list[str], console: Console) -> None:
    verb = words[0] if words else None
    if verb is not None and not verb.startswith("-") and verb not in VERBS:
        raise UnknownNameError("verb", verb, VERBS)
    parser = build_parser(verb)
    if verb is None:
        parser.print_help()
        return
    from helixnas.cli import verbs

    options = _parse(parser, words)
    if verb == "run":
        verbs.run(options, _overrides(words), console)
    elif verb == "recipes":
        verbs.recipes(console)
    elif verb in ("search", "report", "status"):
        getattr(verbs, verb)(options, console)
    else:
        verbs.stage(options, console)


def _parse(parser: Any, words: list[str]) -> Any:
    try:
        parsed = parser.parse_args(words)
    except HelixError:
        raise
    except Exception as error:
        from helixnas.cli.recipes import explain, option_names

        inner = next((a.choices[words[0]] for a in parser._actions if getattr(a, "choices", None)), parser)
        raise explain(error, option_names(inner), f"helixnas {words[0]}") from error
    options = parsed[parsed.verb]
    options.verb = parsed.verb
    return options


OWN_OPTIONS = {"--out": 1, "--until": 1, "--dry-run": 0, "--dry_run": 0, "--redo": 0, "--quiet": 0}


def _overrides(words: list[str]) -> list[str]:
    """Return the words that set recipe settings: neither the verb, the recipe nor the verb's own options."""
    kept: list[str] = []
    seen_recipe, position = False, 1
    while position < len(words):
        word = words[position]
        if word.split("=")[0] in OWN_OPTIONS:
            position += 1 + (0 if "=" in word else OWN_OPTIONS[word])
        elif word.startswith("--"):
            taken = 1 if "=" in word or position + 1 >= len(words) else 2
            kept += words[position : position + taken]
            position += taken
        elif seen_recipe:
            raise ConfigError(f"unexpected argument {word!r}; one recipe is run at a time")
        else:
            seen_recipe, position = True, position + 1
    return kept


def _command(words: list[str]) -> str:
    import shlex

    return shlex.join(["helixnas", *words])


def _terminate(number: int, frame: FrameType | None) -> None:
    raise Interrupted("terminated")
