"""Everything HelixNAS raises on purpose: one sentence each, with what is wrong, where, and what would be right.

Each class also derives from the built-in a caller would expect, so ``except ValueError`` keeps working. The command
line prints the sentence and exits with code 2. A defect of HelixNAS itself is an ``AssertionError``. It keeps its class
and traceback, as an error of a library does; `during` notes the stage in which it arose.
"""

import difflib
import re
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

MANY = 30
"""With more known names than this, a message lists the nearest instead of all."""


class HelixError(Exception):
    """Base of all errors that the caller can correct; the message is one clear sentence."""


class ConfigError(HelixError, ValueError):
    """A setting is unknown, out of range, or contradicts another."""


class UnknownNameError(HelixError, LookupError):
    """A name is not among the known ones; the message lists the nearest.

    >>> print(UnknownNameError("verb", "serach", ("rate", "search")))
    unknown verb 'serach'; did you mean search?
    """

    def __init__(self, kind: str, name: object, known: Iterable[object]) -> None:
        """Say which `kind` of thing `name`, usually a text, should have been, and which of the `known` names come closest."""
        names = sorted(map(str, known))
        self._parts = (kind, name, tuple(names))
        super().__init__(f"unknown {kind} {name!r}; {_hint(str(name), names)}")

    def __reduce__(self) -> tuple[type["UnknownNameError"], tuple[str, object, tuple[str, ...]]]:
        """Survive the way back from a worker process, which pickles what it raises."""
        return (type(self), self._parts)


def number_of(count: int, noun: str) -> str:
    """Return a number with its noun.

    >>> number_of(1, "image"), number_of(1200, "class")
    ('1 image', '1,200 classes')
    """
    return f"{count:,} {noun if count == 1 else f'{noun}es' if noun.endswith('s') else f'{noun}s'}"


def _hint(name: str, known: list[str]) -> str:
    """Return the nearest of the known names in words; all of them where none is near and they are few."""
    close = difflib.get_close_matches(name, known, n=5 if len(known) > MANY else 3, cutoff=0.5)
    if close:
        return f"did you mean {', '.join([*close[:-2], ' or '.join(close[-2:])])}?"
    if len(known) > MANY:
        nearest = difflib.get_close_matches(name, known, n=5, cutoff=0.0)
        return f"the nearest of {len(known):,} are {', '.join(nearest)}"
    return f"known: {', '.join(known) or 'none'}"


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


class CollapseError(HelixError, ArithmeticError):
    """Self-supervised embeddings no longer tell images apart; the message names the block, its side and the figures."""


class JobError(HelixError, RuntimeError):
    """Jobs failed on their workers; the message says which and why."""


class OutOfMemoryError(HelixError, MemoryError):
    """The device ran out of memory; the message names the batch size to try."""


class Interrupted(HelixError, KeyboardInterrupt):  # noqa: N818 - it is a request, not a failure
    """The user or the system asked to stop; what was done is saved."""


@dataclass(frozen=True)
class Stage:
    """Where an error arose: a stage, the sections of its settings, and the folder of its run."""

    name: str
    sections: tuple[str, ...]
    folder: Path


@contextmanager
def during(stage: Stage) -> Generator[None]:
    """Note on an error that is not a `HelixError` the stage in which it arose, for `stage_of`; it is raised on as it is."""
    try:
        yield
    except HelixError:
        raise
    except Exception as error:
        if stage_of(error) is None:
            error.__dict__["_helixnas_stage"] = stage
            error.add_note(f"This happened in the stage {stage.name} of {stage.folder}.")
        raise


def stage_of(error: BaseException) -> Stage | None:
    """Return the stage in which an error arose, if `during` noted one."""
    stage = error.__dict__.get("_helixnas_stage")
    return stage if isinstance(stage, Stage) else None


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
