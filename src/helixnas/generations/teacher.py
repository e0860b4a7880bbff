"""The next teacher: the winner of a search, scaled by EfficientNet's compound rule (Eq. 9), to be trained from scratch."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
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
"""Shares of a size: below the first, widths alone are scaled if that comes closer; below the second, none comes near."""


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
    title: str = "the winner before it",
) -> ScaledTeacher:
    """Return the teacher of generation `number` (2, 3, ...), made of the winner before it.

    `first` are ``params`` and ``macs`` of the first teacher, at `image_size`. Without a size in `config`, the teacher gets at
    most as many parameters as the first one. `title` names the winner in messages.

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

    own = count_architecture(winner, **counted)
    if config.by_factors:
        factors = {"width": config.width or 1.0, "depth": config.depth or 1.0}
        found = built(scale(winner, **factors, image_size=image_size).architecture)
        return replace(found, note=_smaller_text(found.costs, own))
    resource = "macs" if config.macs is not None else "params"
    asked = getattr(config, resource)
    amount = parse_amount("100%" if asked is None else asked, reference=first[resource], what=resource)
    if own[resource] > amount:
        if asked is None:
            return built(
                split_architecture(winner),
                f"the winner has {own[resource]:,} parameters, more than the first teacher's {amount:,}, so it teaches unscaled",
            )
        raise ConfigError(
            f"generations.teacher.{resource} asks for {amount:,} in generation {number}, but {title} has {own[resource]:,} "
            f"{resource}; choose at least {own[resource]:,}, or limit its search to less than {amount:,}"
        )
    scaling = _scaled(winner, resource, amount, counted)
    if asked is not None and scaling.size < NEAR * amount:
        raise ConfigError(
            f"generations.teacher.{resource} asks for {amount:,} in generation {number}, but {title} cannot be scaled near "
            f"that; the nearest sizes are {_listed(scaling.nearest)} {resource}: choose one of these, or give width and depth"
        )
    return built(scaling.architecture, scaling.note)


@dataclass(frozen=True, kw_only=True)
class _Scaling:
    """The winner next below a size."""

    architecture: Architecture
    size: int
    nearest: tuple[int, ...]
    """Sizes next to the one asked for, below and above, along the compound rule and along widths alone."""

    note: str


def _scaled(winner: Architecture, resource: str, amount: int, counted: Counted) -> _Scaling:
    """Return the winner at a size along the compound rule; along widths alone where depths jump too far.

    Images keep their size. The rule adds a layer to every block at its first step, which may more than double a shallow
    network.
    """

    def along(deeper: float) -> Bracket:
        def rule(steps: float) -> Scaled:
            return scale(winner, width=WIDTH**steps, depth=deeper**steps, image_size=counted["image_size"])

        return bracket(rule, resource, amount, **counted)

    def size(scaled: Scaled | None) -> int:
        assert scaled is not None, "the winner itself is not larger"
        return count_architecture(scaled.architecture, **counted)[resource]

    found, notes = along(DEPTH), list[str]()
    near = size(found.below)
    nearest = {near, size(found.above)}
    if near < CLOSE * amount:
        by_width = along(1.0)
        wider = size(by_width.below)
        nearest |= {wider, size(by_width.above)}
        if wider > near:
            found, near = by_width, wider
            notes.append("wider only, since a layer more in every block would be too much")
    if near < NEAR * amount:
        notes.append(
            f"{near:,} {resource} are {near / amount:.0%} of the {amount:,} it may have; the nearest sizes are {_listed(nearest)}"
        )
    assert found.below is not None, "the winner itself is not larger"
    return _Scaling(architecture=found.below.architecture, size=near, nearest=tuple(nearest), note="; ".join(notes))


def _listed(sizes: Iterable[int]) -> str:
    return " and ".join(f"{size:,}" for size in sorted(sizes))


def _smaller_text(costs: Mapping[str, int], winner: Mapping[str, int]) -> str:
    """Return that a teacher is smaller than the winner that it is made of; empty if it is not."""
    smaller = [f"{costs[name]:,} {name} against {winner[name]:,}" for name in costs if costs[name] < winner[name]]
    return f"smaller than the winner that it is made of: {' and '.join(smaller)}" if smaller else ""


def _boundaries(winner: Architecture) -> tuple[str, ...]:
    """Return the last module of every block of the space; the sections of joined blocks are blocks of the scaled network."""
    return tuple(f"blocks.{end - 1}" for end in accumulate(len(stage.sections) for stage in winner.blocks))
