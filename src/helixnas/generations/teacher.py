"""The next teacher: the winner of a search, scaled by EfficientNet's compound rule (Eq. 9), to be trained from scratch."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import TypedDict

from helixnas.errors import ConfigError
from helixnas.pipeline.generations_config import NextTeacherConfig
from helixnas.search.amounts import parse_amount
from helixnas.space import HELIXNAS, Architecture, Scaled, scale
from helixnas.space.joining import split_architecture
from helixnas.space.scaling import DEPTH, WIDTH
from helixnas.teacher.config import TeacherConfig
from helixnas.zoo.sizes import Bracket, bracket, count_architecture

CLOSE, NEAR = 0.9, 0.8
"""Shares of the size asked for: below the first, widths alone are scaled if that comes closer; below the second, none fits."""


class Counted(TypedDict):
    """How sizes are counted."""

    image_size: int
    num_classes: int


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
    counted = Counted(image_size=image_size, num_classes=num_classes)

    def built(architecture: Architecture, note: str = "") -> ScaledTeacher:
        return ScaledTeacher(
            architecture=architecture,
            boundaries=_boundaries(winner),
            costs=count_architecture(architecture, **counted),
            note=note,
        )

    if config.by_factors:
        factors = {"width": config.width or 1.0, "depth": config.depth or 1.0}
        return built(scale(winner, **factors, image_size=image_size).architecture)
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
    return built(*_scaled(winner, resource, amount, setting if asked is not None else "", counted))


def _scaled(
    winner: Architecture, resource: str, amount: int, setting: str, counted: Counted
) -> tuple[Architecture, str]:
    """Return the winner at a size along the compound rule, and a note; along widths alone where depths jump too far.

    Images keep their size. The rule adds a layer to every block at its first step, which may more than double a shallow
    network. Raises `ConfigError` in the words of `setting` if neither comes near; without such words, the rule decides.
    """

    def along(deeper: float) -> Bracket:
        def rule(steps: float) -> Scaled:
            return scale(winner, width=WIDTH**steps, depth=deeper**steps, image_size=counted["image_size"])

        return bracket(rule, resource, amount, **counted)

    def size(scaled: Scaled | None) -> int:
        return 0 if scaled is None else count_architecture(scaled.architecture, **counted)[resource]

    found, note = along(DEPTH), ""
    near = size(found.below)
    if setting and near < CLOSE * amount:
        by_width = along(1.0)
        wider = size(by_width.below)
        if max(near, wider) < NEAR * amount:
            nearest = sorted({near, wider, size(found.above), size(by_width.above)})
            raise ConfigError(
                f"{setting}, but the winner before it cannot be scaled near that; the nearest sizes are "
                f"{' and '.join(f'{each:,}' for each in nearest)} {resource}: choose one of these, or give width and depth"
            )
        if wider > near:
            found, note = by_width, "wider only, since a layer more in every block would be too much"
    assert found.below is not None, "the winner itself is not larger"
    return found.below.architecture, note


def _boundaries(winner: Architecture) -> tuple[str, ...]:
    """Return the last module of every block of the space; the sections of joined blocks are blocks of the scaled network."""
    return tuple(f"blocks.{end - 1}" for end in accumulate(len(stage.sections) for stage in winner.blocks))
