"""The next teacher: the winner of a search, scaled by EfficientNet's compound rule (Eq. 9), to be trained from scratch."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate

from helixnas.errors import ConfigError
from helixnas.pipeline.generations_config import NextTeacherConfig
from helixnas.search.amounts import parse_amount
from helixnas.space import HELIXNAS, Architecture, scale
from helixnas.space.joining import split_architecture
from helixnas.teacher.config import TeacherConfig
from helixnas.zoo.sizes import bracket, count_architecture

NEAR = 0.8
"""A teacher whose size was asked for has at least this share of it."""


@dataclass(frozen=True, kw_only=True)
class ScaledTeacher:
    """An architecture that will teach, with widths and depths that its space need not have."""

    architecture: Architecture
    boundaries: tuple[str, ...]
    """The modules behind which it is cut, one per block of the space."""

    costs: Mapping[str, int]
    """``params`` and ``macs``."""

    note: str = ""
    """What was not as asked."""

    @property
    def config(self) -> TeacherConfig:
        """The settings of the teacher, without weights."""
        arch = self.architecture.to_dict()
        return TeacherConfig(model=HELIXNAS, model_args={"arch": arch}, boundaries=self.boundaries)


def scaled_teacher(
    winner: Architecture,
    config: NextTeacherConfig,
    *,
    first: Mapping[str, int],
    image_size: int,
    num_classes: int,
    number: int,
) -> ScaledTeacher:
    """Return the teacher of generation `number` (2, 3, ...), made of the winner before it.

    `first` are ``params`` and ``macs`` of the first teacher, at `image_size`. Without a size in `config`, the teacher gets at
    most as many parameters as the first one.

    Raises `ConfigError` if the size asked for is below the winner's, or no network along the rule comes near it; the message
    names the nearest that do.
    """
    counted = {"image_size": image_size, "num_classes": num_classes}

    def built(architecture: Architecture, note: str = "") -> ScaledTeacher:
        return ScaledTeacher(
            architecture=architecture,
            boundaries=_boundaries(winner),
            costs=count_architecture(architecture, **counted),
            note=note,
        )

    if config.by_factors:
        return built(scale(winner, width=config.width or 1.0, depth=config.depth or 1.0).architecture)
    resource = "macs" if config.macs is not None else "params"
    asked = getattr(config, resource)
    amount = parse_amount("100%" if asked is None else asked, reference=first[resource], what=resource)
    setting = f"generations.teacher.{resource} asks for {amount:,} in generation {number}"
    own = count_architecture(winner, **counted)[resource]
    if own > amount:
        if asked is None:
            return built(
                split_architecture(winner),
                f"the winner has {own:,} parameters, more than the first teacher's {amount:,}, so it teaches unscaled",
            )
        raise ConfigError(
            f"{setting}, but the winner before it has {own:,} {resource}; choose at least {own:,}, or limit its search to "
            f"less than {amount:,}"
        )
    below, above = bracket(winner, resource, amount, **counted)
    assert below is not None, "the winner itself is not larger"
    found = built(below.architecture)
    if asked is not None and found.costs[resource] < NEAR * amount:
        more = count_architecture(above.architecture, **counted)[resource]
        raise ConfigError(
            f"{setting}, but the winner before it cannot be scaled near that: the compound rule leads to "
            f"{found.costs[resource]:,} and then to {more:,} {resource}; choose one of these, or give width and depth"
        )
    return found


def _boundaries(winner: Architecture) -> tuple[str, ...]:
    """Return the last module of every block of the space; the sections of joined blocks are blocks of the scaled network."""
    return tuple(f"blocks.{end - 1}" for end in accumulate(len(stage.sections) for stage in winner.blocks))
