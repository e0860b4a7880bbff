"""The command line: arguments -> one call; a mistake is one sentence and exit code 2."""

import os
import shlex
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Any

from jsonargparse import ArgumentParser
from rich.console import Console

from helixnas.cli.parser import VERBS, build_parser
from helixnas.errors import ConfigError, HelixError, Interrupted, UnknownNameError

BAD_INPUT, INTERRUPTED = 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0 done, 2 bad input, 130 interrupted.

    >>> main(["status", "no/such/run"])
    2
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    console, errors = _Console(), _Console(stderr=True)
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        _dispatch(words, console)
        sys.stdout.flush()
    except (Interrupted, KeyboardInterrupt) as error:
        reason = str(error) or "stopped"
        _say(errors, f"{reason}; go on with: {shlex.join(['helixnas', *words])}")
        return INTERRUPTED
    except BrokenPipeError:  # whoever read the output has enough; what is left of it goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except HelixError as error:
        _say(errors, f"helixnas: {error}")
        return BAD_INPUT
    except OSError as error:
        _say(errors, f"helixnas: {f'{error.filename}: ' if error.filename else ''}{error.strerror or error}")
        return BAD_INPUT
    finally:
        signal.signal(signal.SIGTERM, before)
    return 0


class _Console(Console):
    def on_broken_pipe(self) -> None:
        raise BrokenPipeError  # rich would leave with exit code 1, but nothing went wrong


def _say(console: Console, text: str) -> None:
    console.print(text, highlight=False, soft_wrap=True, markup=False)


def _dispatch(words: list[str], console: Console) -> None:
    verb = words[0] if words else None
    if verb is not None and not verb.startswith("-") and verb not in VERBS:
        raise UnknownNameError("verb", verb, VERBS)
    own, overrides = _split(words) if verb in OWN_OPTIONS and not _asks_for_help(words) else (words, [])
    parser = build_parser(verb, settings=verb == "run" and own is words)
    if verb is None:
        parser.print_help()
        return
    options = _parse(parser, own)
    from helixnas.cli import model_verbs, verbs

    if verb == "run":
        verbs.run(options, overrides, console, again=shlex.join(["helixnas", *(w for w in words if w not in DRY_RUN)]))
    elif verb in ("bench", "study"):
        getattr(verbs, verb)(options, overrides, console)
    elif verb == "recipes":
        verbs.recipes(console)
    elif verb == "models":
        model_verbs.models(console)
    elif verb in ("export", "finetune", "validate"):
        getattr(model_verbs, verb)(options, console)
    elif verb in ("baseline", "costs", "search", "verify", "rank", "report", "status"):
        getattr(verbs, verb)(options, console)
    else:
        verbs.stage(options, console)


def _parse(parser: ArgumentParser, words: list[str]) -> Any:
    try:
        parsed = parser.parse_args(words)
    except HelixError:
        raise
    except Exception as error:
        from helixnas.cli.explain import explain

        subparsers = next((a.choices for a in parser._actions if isinstance(a.choices, dict)), {})
        raise explain(error, subparsers.get(words[0], parser), words[0]) from error
    if parsed.verb is None:
        raise ConfigError("a verb is missing; see helixnas --help")
    options = parsed[parsed.verb]
    options.verb = parsed.verb
    return options


DRY_RUN = ("--dry-run", "--dry_run")
OWN_OPTIONS = {
    "run": {"--out": 1, "--until": 1, "--redo": 0, "--quiet": 0, **dict.fromkeys(DRY_RUN, 0)},
    "bench": {
        **dict.fromkeys(("--recipe", "--space", "--num", "--max", "--min", "--network", "--trainings", "--out"), 1),
        **dict.fromkeys(("--quiet", *DRY_RUN), 0),
    },
    "study": {
        **dict.fromkeys(("--base", "--bench", "--out"), 1),
        **dict.fromkeys(("--quiet", "--redo", *DRY_RUN), 0),
    },
}
"""Per verb that reads a recipe, the options that are no settings of it, and how many words follow each."""


def _asks_for_help(words: Sequence[str]) -> bool:
    return any(word in ("-h", "--help") or word.endswith(".help") for word in words)


def _split(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the words of a verb itself, and those that replace settings of the recipe it reads.

    >>> _split(["run", "digits", "--seed", "1", "--out", "here", "--distill.lr=0.5"])
    (['run', 'digits', '--out', 'here'], ['--seed', '1', '--distill.lr=0.5'])
    """
    known, own = OWN_OPTIONS[words[0]], list[str]()
    settings: list[str] = []
    position = 0
    while position < len(words):
        word = words[position]
        name, equals, _ = word.partition("=")
        taken = 1 if equals or not word.startswith("-") else 1 + known.get(name, 1)
        kept = settings if word.startswith("--") and name not in known else own
        kept += words[position : position + taken]
        position += taken
    return own, settings


def _terminate(number: int, frame: FrameType | None) -> None:
    raise Interrupted("terminated")
