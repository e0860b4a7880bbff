"""Everything HelixNAS raises on purpose: one sentence each, with what is wrong, where, and what would be right.

Each class also derives from the built-in a caller would expect, so ``except ValueError`` keeps working. The command
line prints the sentence and exits with code 2. A defect of HelixNAS itself is an ``AssertionError`` and keeps its
traceback.
"""

import difflib
import re
from collections.abc import Iterable


class HelixError(Exception):
    """Base of all errors that the caller can correct; the message is one clear sentence."""


class ConfigError(HelixError, ValueError):
    """A setting is unknown, out of range, or contradicts another."""


class UnknownNameError(HelixError, LookupError):
    """A name is not among the known ones; the message lists the nearest.

    >>> print(UnknownNameError("verb", "serach", ("rate", "search")))
    unknown verb 'serach'; did you mean search?
    """

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        """Say which `kind` of thing `name` should have been, and which of the `known` names come closest."""
        names = sorted(known)
        self._parts = (kind, name, tuple(names))
        close = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(close)}?" if close else f"known: {', '.join(names) or 'none'}"
        super().__init__(f"unknown {kind} {name!r}; {hint}")

    def __reduce__(self) -> tuple[type["UnknownNameError"], tuple[str, str, tuple[str, ...]]]:
        """Survive the way back from a worker process, which pickles what it raises."""
        return (type(self), self._parts)


class SpaceError(HelixError, ValueError):
    """A search space or an architecture is malformed, or one is not a member of the other."""


class DataError(HelixError, ValueError):
    """Images or labels are missing, empty, unreadable or do not fit."""


class TeacherError(HelixError, ValueError):
    """The teacher cannot be built, loaded or cut where it was asked to be."""


class InfeasibleBudgetError(HelixError, ValueError):
    """No architecture of the space meets the budget; the message says how small the smallest is."""


class ArtifactError(HelixError, OSError):
    """A file of a run is missing, truncated, of another version, or cannot be written."""


class ExportError(HelixError, ValueError):
    """A model cannot be written in a format, or what was written does not compute what the model computes."""


class NonFiniteLossError(HelixError, ArithmeticError):
    """Training met a loss that is not finite; the message names the block, the step and the path."""


class OutOfMemoryError(HelixError, MemoryError):
    """The device ran out of memory; the message names the batch size to try."""


class Interrupted(HelixError, KeyboardInterrupt):  # noqa: N818 - it is a request, not a failure
    """The user or the system asked to stop; what was done is saved."""


def first_line(error: BaseException) -> str:
    """Return the first line of an error's text, at most 240 characters, or the name of its class."""
    lines = _legible(error).splitlines()
    return lines[0][:240] if lines else type(error).__name__


def on_one_line(error: BaseException) -> str:
    r"""Return an error's text on one line, at most 240 characters, or the name of its class.

    >>> on_one_line(ValueError("no such layer\nfirst seen in block 2")), on_one_line(KeyError())
    ('no such layer first seen in block 2', 'KeyError')
    """
    return " ".join(_legible(error).split())[:240] or type(error).__name__


def _legible(error: BaseException) -> str:
    """Return an error's text without escape codes of terminals and without addresses in memory."""
    return re.sub(r"\x1b\[[0-9;]*[A-Za-z]| ?<[^<>]* at 0x[0-9A-Fa-f]+>", "", str(error)).strip()
