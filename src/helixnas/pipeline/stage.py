"""Stage: one step of a run as one value. `helixnas.pipeline.stages` lists them in order; everything else reads that list.

A stage only names the function that does its work, so plan, status and dry run do not load torch.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, NamedTuple, Protocol, runtime_checkable

from helixnas.artifacts.run_folder import RunFolder
from helixnas.engine.progress import Reporter
from helixnas.engine.timing import Stopwatch
from helixnas.pipeline.part import Part
from helixnas.pipeline.recipe import Recipe

Values = Mapping[str, Any]
"""All settings of a run as plain values (`Recipe.to_dict`), files replaced by their contents (`by_content`)."""


class Result(NamedTuple):
    """The outcome of a stage."""

    files: tuple[str, ...]
    """Files it wrote, relative to the run folder."""

    facts: Mapping[str, Any]
    """Plain values for the record and the report."""

    is_timed: bool = True
    """Whether the measured time covers all the work; False if other processes did a part."""

    num_threads: int | None = None
    """CPU threads of other processes that did the work."""

    temporary: tuple[Path, ...] = ()
    """Files and folders that an interrupted stage resumes from, to remove once it is recorded."""


@runtime_checkable
class RunContext(Protocol):
    """The part of `helixnas.pipeline.context.Context` that needs no torch."""

    recipe: Recipe
    folder: RunFolder
    reporter: Reporter
    watch: Stopwatch


Work = Callable[[Any, str, str], Result]
"""(context, key, search name or "") -> result."""

Check = Callable[[Any], None]
"""Raises if a stage could not finish."""


@dataclass(frozen=True, kw_only=True)
class ForwardTimes:
    """Seconds of forward passes of one image on this machine, from which the dry run estimates the time of a stage."""

    teacher: float
    network: float
    """A mean network of the space."""

    supernet: float
    """The paths that one step of distillation trains, in every block: mean paths of its cells."""

    rating: float
    """Every path of every block, prefixes shared."""

    of_blocks: tuple["ForwardTimes", ...] = ()
    """The same where a job does one block alone: `supernet` and `rating` are those of the block."""

    def scaled(self, teacher: float, students: float) -> "ForwardTimes":
        """Return the times of the teacher and of all other networks, each multiplied by a factor.

        >>> ForwardTimes(teacher=1.0, network=2.0, supernet=3.0, rating=4.0).scaled(10.0, 0.5).supernet
        1.5
        """
        return ForwardTimes(
            teacher=teacher * self.teacher,
            network=students * self.network,
            supernet=students * self.supernet,
            rating=students * self.rating,
            of_blocks=tuple(each.scaled(teacher, students) for each in self.of_blocks),
        )


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A step of a run: its settings, inputs and files, and the function that runs it."""

    name: str
    """Names the stage in records, messages and ``--until``."""

    verb: str
    """Command that runs the stage in an existing run; several stages may share one."""

    purpose: str = ""
    """Help of the command; given by the first stage of a verb."""

    settings: Callable[[Values, str], Mapping[str, Any] | None]
    """(values, search name) -> settings that its results depend on; None if the recipe leaves the stage out."""

    upstream: Callable[[Values, str], tuple[str, ...]]
    """(values, search name) -> names of the stages whose files it reads."""

    describe: Callable[[Recipe, str], str]
    """(recipe, search name) -> a short description of its work, for the dry run."""

    seconds: Callable[[Recipe, ForwardTimes], float] | None = None
    """Estimates how long the whole stage takes; None for a stage of seconds."""

    work: Work | str
    """Does the stage; a text ``module:function`` is imported on first use."""

    work_on_part: Callable[[Any, str, Part], None] | str | None = None
    """(context, key, part): does a part as a job; None if the stage cannot be divided."""

    checks: tuple[Check | str, ...] = ()
    """Called before the first stage of a run; each raises if this one could not finish (images without labels)."""

    check_before: Check | str | None = None
    """Called before this stage, with the files of earlier ones; raises if a later one could not finish (budgets)."""

    files: tuple[str, ...]
    """Patterns of its files, relative to the run folder; ``{search}`` stands for the name of a search."""

    per_search: bool = False
    """Whether there is one such stage for every named search."""

    first: tuple[str, ...] = ()
    """Stages of other verbs that its verb runs before it."""


def load(function: str | Callable[..., Any]) -> Callable[..., Any]:
    """Return a function, imported if it is given as ``module:function``."""
    return resolve_name(function) if isinstance(function, str) else function
