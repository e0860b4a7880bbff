"""The command line: arguments -> one call; bad input is one sentence and exit code 2."""

import os
import shlex
import signal
import sys
from collections.abc import Sequence
from types import FrameType

from rich.console import Console

from helixnas.cli.option_values import say
from helixnas.errors import HelixError, Interrupted

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
        say(errors, f"{reason}; continue with: {shlex.join(['helixnas', *words])}")
        return INTERRUPTED
    except BrokenPipeError:  # the reader of the output has closed it, for example `head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except HelixError as error:
        say(errors, f"helixnas: {error}")
        return BAD_INPUT
    except OSError as error:
        say(errors, f"helixnas: {f'{error.filename}: ' if error.filename else ''}{error.strerror or error}")
        return BAD_INPUT
    finally:
        signal.signal(signal.SIGTERM, before)
    return 0


class _Console(Console):
    def on_broken_pipe(self) -> None:
        raise BrokenPipeError  # rich would leave with exit code 1, but nothing went wrong


def _dispatch(words: list[str], console: Console) -> None:
    from helixnas.cli.commands import find_command, show_overview, show_version

    if not words or words[0] in ("-h", "--help"):
        show_overview(console)
    elif words[0] == "--version":
        show_version(console)
    else:
        command = find_command(words[0])
        command.run(command.parse(words[1:]), console)


def _terminate(number: int, frame: FrameType | None) -> None:
    raise Interrupted("terminated")
