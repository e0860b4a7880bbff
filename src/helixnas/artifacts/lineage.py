"""Lineage: the generations of a search in one file, and the folder that holds a run for each of them (Sec. 3.4)."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Literal

from helixnas.artifacts.agreement import Estimate, Interval
from helixnas.artifacts.record import Record
from helixnas.artifacts.run_folder import RunFolder
from helixnas.artifacts.study import Picked, Ranked
from helixnas.errors import ArtifactError

CHECKS = ("benchmark", "retrained", "stitching")
"""Checks of a generation, the best evidence first."""


@dataclass(frozen=True, kw_only=True)
class Quality:
    """How good a generation is by the check that compares generations; higher is better."""

    check: Literal["benchmark", "retrained", "stitching"]
    """``benchmark``: the winner's trained accuracy there; ``retrained``: its accuracy on the rating images after a short
    training; ``stitching``: Kendall tau between the generation's scores and its stitched networks."""

    value: float
    """An accuracy from 0 to 1, or a correlation from -1 to 1."""

    interval: Interval | None
    """95 %, where it is known; of an accuracy it covers the choice of the images, not the variation between trainings."""

    key: str = ""
    """Hash of everything that a short training depends on; empty for the other checks."""

    num_images: int = 0
    """Images that the accuracy after a short training was measured on."""

    seconds: float = 0.0
    core_seconds: float = 0.0
    """Cost of the short training; 0 where another generation had the same winner."""


@dataclass(frozen=True, kw_only=True)
class Generation:
    """One teacher and the search under it."""

    number: int
    """From 1."""

    key: str
    """Hash of everything that these figures depend on."""

    run: str
    """The folder of its run, beside the lineage's file."""

    teacher: str
    """The teacher network: a model's name, or an architecture as text."""

    scaled_from: str
    """The winner that the teacher was scaled from, as text; empty for the first teacher."""

    teacher_costs: Mapping[str, int]
    """``params`` and ``macs`` of the teacher."""

    teacher_accuracy: float | None
    """On the evaluation images, 0 to 1; None where it was not measured."""

    num_evaluated: int
    """Images that it was measured on."""

    winner: str
    """The searched network."""

    costs: Mapping[str, int]
    """``params`` and ``macs`` of the winner."""

    quality: Quality | None
    """None where no check is at hand."""

    agreement: Estimate | None
    """Kendall tau with the scores of the generation before, over random networks of the space; None for the first."""

    stitched: Ranked | None
    """Against the outputs of stitched networks; None where the check was left out or unavailable."""

    trained: Ranked | None
    """Against the trained accuracies of a benchmark; None without one."""

    picked: Picked | None
    """Picks of its search in the benchmark; None without one."""

    seconds: float
    """Wall-clock seconds of its stages up to the search, and of its check."""

    core_seconds: float | None
    """Processor seconds of the same; None where a stage did not record them."""

    note: str = ""
    """What a reader should know about its teacher; may be empty."""


@dataclass(frozen=True, kw_only=True)
class Lineage(Record):
    """All generations of a search."""

    FORMAT: ClassVar[tuple[str, int]] = ("helixnas-generations", 1)
    MEND: ClassVar[str] = "choose another --out, or start over in this one with --redo"

    recipe: str
    number: int
    """Generations at most."""

    search: str
    """The search whose winner teaches next."""

    generations: tuple[Generation, ...] = ()
    """Those whose search is finished, in order."""

    reason: str = ""
    """Why no generation follows; empty while one does."""

    @property
    def best(self) -> Generation:
        """The generation of the highest quality, the first of several; without a check the last."""
        rated = [one for one in self.generations if one.quality is not None]
        if len(rated) < len(self.generations):
            return self.generations[-1]
        return max(rated, key=lambda one: (one.quality.value if one.quality else 0.0, -one.number))

    def with_generation(self, generation: Generation) -> "Lineage":
        """Return a copy with this generation; later ones stay only if it is known already."""
        if generation in self.generations:
            return replace(self, reason="")
        return replace(self, generations=(*self.before(generation.number), generation), reason="")

    def before(self, number: int) -> tuple[Generation, ...]:
        """Return the generations before one."""
        return tuple(one for one in self.generations if one.number < number)


class LineageFolder:
    """Paths of the generations of a search."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.own = RunFolder(path)
        """The folder itself, for its settings and its lock."""
        self.lineage = path / "generations.json"
        """The finished generations (`Lineage`)."""
        self.report = path / "report.html"
        """The page that compares them."""

    def run(self, number: int) -> RunFolder:
        """Return the run of a generation, counted from 1."""
        return RunFolder(self.path / f"generation-{number}")

    def exists(self) -> bool:
        """Whether generations were begun here."""
        return self.lineage.is_file()

    def load(self) -> Lineage:
        """Return the lineage; raises `ArtifactError` if there is none or it is damaged."""
        if not self.exists():
            raise ArtifactError(
                f"no generations in {self.path}; start them with: helixnas run RECIPE --generations 2 --out {self.path}"
            )
        return Lineage.load(self.lineage)

    def runs(self) -> tuple[RunFolder, ...]:
        """Return the runs that were begun, in order; once the generations have ended, only those that belong to them."""
        found: list[RunFolder] = []
        lineage = self.load()
        ended = bool(lineage.reason and lineage.generations)
        for number in range(1, (lineage.generations[-1].number if ended else lineage.number) + 1):
            if not self.run(number).exists():
                break
            found.append(self.run(number))
        return tuple(found)

    def last(self) -> RunFolder:
        """Return the run of the last generation that was begun; raises `ArtifactError` if none was."""
        runs = self.runs()
        if not runs:
            raise ArtifactError(f"no generation in {self.path} has begun; continue with: {self.resume_command}")
        return runs[-1]

    def best(self, search: str = "") -> RunFolder:
        """Return the run of the generation that is kept (`Lineage.best`).

        Raises `ArtifactError` if none is finished, or if the kept one lacks a `search` by name that another generation has.
        """
        lineage = self.load()
        if not lineage.generations:
            raise ArtifactError(f"no generation in {self.path} is finished; continue with: {self.resume_command}")
        best = self.run(lineage.best.number)
        if search and not best.search(search).exists():
            others = [run for run in self.runs() if run.search(search).exists()]
            if others:
                raise ArtifactError(
                    f"{others[-1].path} has the search {search!r}, but {best.path}, the generation that is kept, has not; give "
                    f"{others[-1].path} instead of {self.path}"
                )
        return best

    @property
    def resume_command(self) -> str:
        """The command that continues the generations."""
        return f"helixnas run {shlex.quote(str(self.own.config))} --out {shlex.quote(str(self.path))}"
