"""GenerationsConfig: how often a search is repeated under a teacher made of its own winner, and when that ends (Sec. 3.4)."""

from dataclasses import field
from typing import Annotated, Literal

from helixnas.engine.config import FitConfig
from helixnas.errors import ConfigError
from helixnas.search.amounts import parse_amount
from helixnas.settings import Ge, Gt, Le, Unit, settings


@settings("generations.teacher")
class NextTeacherConfig:
    """The teacher of a later generation: the winner before it, scaled (Eq. 9) and trained from scratch without distillation.

    At most one of params, macs, and width with depth; with none, the first teacher's number of parameters.
    """

    params: int | str | None = None
    """Largest number of parameters along the compound rule: 7.8M, or a share of the first teacher's (100%)."""

    macs: int | str | None = None
    """Largest number of multiply-adds along the compound rule, at the generation's image size: 50M, or a share of the first
    teacher's at that size (100%)."""

    width: Annotated[float, Gt(0)] | None = None
    """Factor of every width instead of a size; 1 if only depth is given. 1.1 to the power of phi in EfficientNet's rule."""

    depth: Annotated[float, Gt(0)] | None = None
    """Factor of every depth instead of a size; 1 if only width is given. 1.2 to the power of phi in EfficientNet's rule."""

    image_size: Annotated[int, Ge(0), Le(4096), Unit("pixels")] = 0
    """Side of the images of this generation, for teacher and search alike; 0 for that of the recipe."""

    fit: FitConfig | None = None
    """Training of this teacher; null for that of the recipe (teacher_fit)."""

    def __post_init__(self) -> None:
        given = [name for name in ("params", "macs") if getattr(self, name) is not None]
        given += ["width and depth"] if self.by_factors else []
        if len(given) > 1:
            raise ConfigError(f"generations.teacher is sized by {' and by '.join(given)}; give one of them")
        for name in ("params", "macs"):
            if (amount := getattr(self, name)) is not None:
                parse_amount(amount, reference=1, what=name)

    @property
    def by_factors(self) -> bool:
        """Whether widths and depths are multiplied, instead of scaled to a size."""
        return self.width is not None or self.depth is not None


@settings("generations.stop")
class StopConfig:
    """When the generations end before the last: scores that agree with those before, and a winner that is no better."""

    tau: Annotated[float, Ge(-1), Le(1)] = 0.9
    """Kendall tau between the scores of two generations from which they count as equal; 1 never stops early."""

    num_networks: Annotated[int, Ge(10), Unit("networks")] = 1000
    """Random networks of the space whose scores are compared."""

    check: Literal["auto", "benchmark", "retrained", "stitching"] = "auto"
    """What tells whether a winner is better: its accuracy in the benchmark; its accuracy on the rating images after a short
    training; or the rank agreement of its generation's scores with stitched networks. auto: the first of them that the
    recipe has (generations.benchmark, if it holds every network of the space; retrain; stitching). With benchmark, a winner that
    is not in it is judged by the best-scored network that is."""

    num_epochs: Annotated[int, Ge(1), Unit("epochs")] = 2
    """Length of the short training, with retrain's other settings."""


@settings("generations")
class GenerationsConfig:
    """DNA+: the winner of a search, scaled and trained, teaches the next search (Sec. 3.4, Fig. 3)."""

    number: int = 2
    """Generations at most, the first included; at least 2."""

    search: str = ""
    """The search whose winner teaches next; empty for the first of the recipe."""

    teacher: NextTeacherConfig = field(default_factory=NextTeacherConfig)
    """The teachers from generation 2 on."""

    teachers: dict[str, NextTeacherConfig] = field(default_factory=dict[str, NextTeacherConfig])
    """Teachers of single generations, by number (2, 3, ...), in place of generations.teacher."""

    benchmark: str = ""
    """A benchmark's JSON file with trained networks of the space, to rank every generation against; empty without one."""

    stop: StopConfig = field(default_factory=StopConfig)
    """When to end before the last generation."""

    def __post_init__(self) -> None:
        if self.number < 2:
            raise ConfigError(
                f"generations.number must be at least 2, not {self.number}; for one ordinary search, set generations to null"
            )
        for name in self.teachers:
            if not name.isdecimal() or name.startswith("0") or not 2 <= int(name) <= self.number:
                raise ConfigError(
                    f"generations.teachers names generation {name!r}; it holds teachers of generations 2 .. {self.number} "
                    "(the first teacher is the recipe's own)"
                )

    def teacher_of(self, number: int) -> NextTeacherConfig:
        """Return the settings of the teacher of a generation from the second on."""
        return self.teachers.get(str(number), self.teacher)
