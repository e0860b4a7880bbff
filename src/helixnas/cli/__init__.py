"""The command line: arguments -> one call; bad input, and whatever a library raises, is one sentence and exit code 2."""

import os
import shlex
import signal
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import TextIO

from rich.console import Console

from helixnas.cli.option_values import say
from helixnas.engine.distributed.launch import is_started_together
from helixnas.errors import HelixError, Interrupted, stage_of

DEFECT, BAD_INPUT, INTERRUPTED = 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0 done, 1 a defect of HelixNAS, 2 bad input, 130 interrupted.

    >>> main(["status", "no/such/run"])
    2
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    _open_closed_streams()
    console, errors = _Console(), _Console(stderr=True)
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        try:
            _together(words, console) if is_started_together() else _dispatch(words, console)
        finally:
            sys.stdout.flush()  # after --help too, which leaves by SystemExit
    except KeyboardInterrupt as error:
        return _stop(error, words, errors)
    except BrokenPipeError:  # the reader of the output has closed it, for example `head`
        _discard_output(sys.stdout)
        return 0
    except Exception as error:
        request = _request_behind(error)
        return _report(error, words, errors) if request is None else _stop(request, words, errors)
    finally:
        signal.signal(signal.SIGTERM, before)
    return 0


def _request_behind(error: BaseException | None) -> KeyboardInterrupt | None:
    """Return the request to stop that a library met and made an error of its own, if there is one."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__
    return error


def _stop(request: KeyboardInterrupt, words: list[str], errors: Console) -> int:
    """Print how to go on after a request to stop, and return the exit code."""
    _complain(errors, f"{str(request) or 'stopped'}; continue with: {shlex.join(['helixnas', *words])}")
    return INTERRUPTED


def _report(error: Exception, words: list[str], errors: Console) -> int:
    """Print a sentence about an error and return the exit code."""
    from helixnas.cli.failure import explain

    if isinstance(error, HelixError):
        _complain(errors, f"helixnas: {_worded(str(error), words)}")
        return BAD_INPUT
    if isinstance(error, OSError) and _is_of_printing(error):
        _discard_output(sys.stdout)
        _complain(errors, f"helixnas: cannot print the output: {error.strerror or error}")
        return BAD_INPUT
    if isinstance(error, OSError) and stage_of(error) is None and error.filename:
        _complain(errors, f"helixnas: {error.filename}: {error.strerror or error}")
        return BAD_INPUT
    sentence, is_defect = explain(error, words)
    _complain(errors, f"helixnas: {_worded(sentence, words)}")
    return DEFECT if is_defect else BAD_INPUT


def _worded(message: str, words: Sequence[str]) -> str:
    """Return a message in the words of the command that met it."""
    from helixnas.cli.commands import COMMANDS

    command = next((command for command in COMMANDS if words and command.name == words[0]), None)
    return message if command is None else command.worded(message)


def _complain(errors: Console, text: str) -> None:
    """Print a sentence to stderr; the exit code alone has to do where nothing can be printed there."""
    try:
        say(errors, text)
    except OSError:
        _discard_output(sys.stderr)


def _is_of_printing(error: OSError) -> bool:
    """Return whether an error arose while something was printed, in a stage or elsewhere."""
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    is_of_rich = str(frame.f_globals["__name__"]).partition(".")[0] == "rich"
    return not error.filename and (is_of_rich or frame.f_code.co_name in ("main", "_print_message"))


def _discard_output(stream: TextIO) -> None:
    """Let the rest of the output of a stream lead nowhere; Python would try to print it again at its exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _open_closed_streams() -> None:
    """Let standard streams that the caller closed lead nowhere, and keep their numbers from files that are opened later."""
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is None:
            try:
                os.fstat(number)
            except OSError:
                os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # it gets the lowest free number, this one
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - open until the end


class _Console(Console):
    def on_broken_pipe(self) -> None:
        raise BrokenPipeError  # rich would leave with exit code 1, but nothing went wrong


def _together(words: list[str], console: Console) -> None:
    """Do a command as the first of the processes that torchrun started, or follow the first."""
    from helixnas.pipeline.ad_hoc.follow import follow, joined

    with joined() as place:
        if place is None or place.rank == 0:
            _dispatch(words, console)
        else:
            follow()


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
