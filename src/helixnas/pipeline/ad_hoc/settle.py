"""When to rate: moments of distillation, each twice as late as the one before, until two agree on what scores say beyond size.

The rule needs no trained accuracies (decision 0016). A run that was stopped goes on with the moment it was at.
"""

from dataclasses import dataclass, replace
from typing import Any

from helixnas.artifacts.agreement import Estimate
from helixnas.artifacts.baseline import PROXIES
from helixnas.artifacts.files import read_json, understanding, write_json
from helixnas.artifacts.ranking import CALIBRATED
from helixnas.artifacts.rating_table import RatingTable
from helixnas.artifacts.run_folder import RunFolder
from helixnas.engine.progress import Reporter
from helixnas.errors import ConfigError
from helixnas.pipeline.plan import plan
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.run import run_recipe
from helixnas.pipeline.spread import Spread
from helixnas.pipeline.work.search import load_tables
from helixnas.search import Tables
from helixnas.search.evidence import agreement_of_moments

ENOUGH = 0.8
"""Partial Spearman correlation from which two moments agree."""


@dataclass(frozen=True)
class Moment:
    """A moment of distillation at which the paths were rated."""

    stop_at: float
    """Fraction of all steps."""

    agreement: Estimate | None
    """Agreement with the moment before; None at the first."""


@dataclass(frozen=True)
class Settling:
    """What the moments of a run showed."""

    score: str
    moments: tuple[Moment, ...]
    enough: float

    @property
    def is_settled(self) -> bool:
        """Whether the last two moments agree."""
        last = self.moments[-1].agreement if self.moments else None
        return last is not None and last.value >= self.enough


def settle(
    recipe: Recipe,
    folder: RunFolder,
    reporter: Reporter,
    *,
    enough: float = ENOUGH,
    first: float | None = None,
    latest: float = 1.0,
    spread: Spread | None = None,
) -> Settling:
    """Distil and rate a run at `first` of all steps, then at twice as many, and so on, until two moments agree.

    The first moment is the run's ``distill.stop_at`` if not given; none is later than `latest`. The run keeps the last
    moment: its supernet, its ratings and its ``stop_at``.

    Raises:
        ConfigError: the distillation cannot be stopped early, there is no second moment, or a number is out of range.
        Interrupted: asked to stop; the same call goes on.
    """
    score = learned_score(recipe)
    moments = _load(recipe, folder, score)
    if first is not None and moments and moments[0].stop_at != first:
        moments = []
    begin = moments[0].stop_at if moments else first or recipe.distill.stop_at
    _check(recipe, enough, begin, latest)
    found = Settling(score, tuple(moments), enough)
    while not found.is_settled and not (moments and moments[-1].stop_at >= latest):
        at = min(2 * moments[-1].stop_at, latest) if moments else begin
        _rate_at(recipe, folder, reporter, at, spread)
        tables = load_tables(folder, folder.load_record())
        agreement = None
        if moments:
            before = Tables(ratings=_kept(recipe, folder, moments[-1].stop_at), costs=tables.costs)
            agreement = agreement_of_moments(before, tables, score, recipe.search_space)
        moments.append(Moment(at, agreement))
        found = Settling(score, tuple(moments), enough)
        _save(recipe, folder, found)
    _rate_at(recipe, folder, reporter, moments[-1].stop_at, spread)  # the run may have gone back since
    return found


def _rate_at(recipe: Recipe, folder: RunFolder, reporter: Reporter, stop_at: float, spread: Spread | None) -> None:
    asked = replace(recipe, distill=replace(recipe.distill, stop_at=stop_at))
    run_recipe(asked, folder, reporter, until="rate", spread=spread)


def learned_score(recipe: Recipe) -> str:
    """Return the score of the supernet that searches use first."""
    return next((name for name in recipe.scores if name not in (*PROXIES, CALIBRATED)), recipe.rating.scores[0])


def _check(recipe: Recipe, enough: float, first: float, latest: float) -> None:
    if recipe.distill.is_progressive:
        raise ConfigError(
            f"distill.strategy={recipe.distill.strategy} cannot be rated before its end; "
            "settling needs distill.strategy=concurrent"
        )
    if not 0 < enough < 1:
        raise ConfigError(f"--enough is a correlation, between 0 and 1, not {enough:g}")
    if not 0 < latest <= 1:
        raise ConfigError(f"--latest is a fraction of all steps of distillation, above 0 and at most 1, not {latest:g}")
    if not 0 < first < latest:
        raise ConfigError(
            f"the first moment, {first:g} of all steps, must be above 0 and before the latest, {latest:g}; give an earlier one, "
            f"for example --first {latest / 8:g}"
        )


def _key(recipe: Recipe) -> str:
    """Return what all moments of a run have in common: the key of its ratings at the end."""
    whole = replace(recipe, distill=replace(recipe.distill, stop_at=1.0))
    return next(stage.key for stage in plan(whole.to_dict()) if stage.name == "rate")


def _load(recipe: Recipe, folder: RunFolder, score: str) -> list[Moment]:
    """Return the moments of an earlier call with the same settings; none if there are none."""
    if not folder.settling.is_file():
        return []
    values = read_json(folder.settling)
    with understanding(folder.settling):
        same = values["key"] == _key(recipe) and values["score"] == score
        return [_moment(each) for each in values["moments"]] if same else []


def _moment(values: dict[str, Any]) -> Moment:
    found = values["agreement"]
    if found is None:
        return Moment(float(values["stop_at"]), None)
    low, high = found["interval"]
    return Moment(float(values["stop_at"]), Estimate(float(found["value"]), (float(low), float(high))))


def _save(recipe: Recipe, folder: RunFolder, found: Settling) -> None:
    """Keep the ratings of the last moment, for the next one, and then what is known."""
    for number in range(1, len(recipe.search_space.blocks) + 1):
        RatingTable.load(folder.rating(number)).save(folder.rating_at(number, found.moments[-1].stop_at))
    rows = [{"stop_at": one.stop_at, "agreement": _plain(one.agreement)} for one in found.moments]
    write_json(folder.settling, {"key": _key(recipe), "score": found.score, "enough": found.enough, "moments": rows})


def _plain(found: Estimate | None) -> dict[str, Any] | None:
    return None if found is None else {"value": found.value, "interval": list(found.interval)}


def _kept(recipe: Recipe, folder: RunFolder, stop_at: float) -> tuple[RatingTable, ...]:
    numbers = range(1, len(recipe.search_space.blocks) + 1)
    return tuple(RatingTable.load(folder.rating_at(number, stop_at)) for number in numbers)
