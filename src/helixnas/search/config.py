"""SearchConfig: the budgets of one named search."""

from collections.abc import Mapping
from dataclasses import asdict, field, fields
from typing import Annotated, Any

from helixnas.errors import ConfigError
from helixnas.search.amounts import parse_amount
from helixnas.settings import Ge, Unit, settings

Amount = str | int | float
"""A quantity as people write it: 5300000, 5.3M, 60% (of the teacher's)."""


@settings("search")
class SearchConfig:
    """One named search: its budgets and the scores it adds up."""

    max: Mapping[str, Amount] = field(default_factory=dict[str, Amount])
    """Upper limit per resource (params, macs, latency_ms, ...): 5.3M, 350M, or a percentage of the teacher's."""

    min: Mapping[str, Amount] = field(default_factory=dict[str, Amount])
    """Lower limit per resource."""

    weights: tuple[Annotated[float, Ge(0)], ...] = ()
    """Weights of the blocks' scores (lambda_k of Eq. 4), one per block; empty for 1 each."""

    scores: tuple[str, ...] = ()
    """Kinds of score to add up, each divided by its spread over the space if there are several; empty for the recipe's
    `scores`, or the first one rated."""

    front: tuple[str, ...] = ()
    """Resources of the Pareto front, beside the score; empty for the limited resource if there is one, else macs."""

    resolution: Mapping[str, Amount] = field(default_factory=dict[str, Amount])
    """Per resource, the step to whose multiples costs are rounded up, for a front that is too large otherwise."""

    time_limit_s: Annotated[float, Ge(0), Unit("seconds")] | None = None
    """Stop after this time with an answer that may not be proven best; null for no limit."""

    def __post_init__(self) -> None:
        for amount in (*self.max.values(), *self.min.values(), *self.resolution.values()):
            parse_amount(amount, reference=1)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, which `search_config` reads back."""
        values = {name: dict(value) if isinstance(value, Mapping) else value for name, value in asdict(self).items()}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def search_config(values: Mapping[str, Any]) -> SearchConfig:
    """Return the settings of a search from plain values."""
    given = {each.name: values[each.name] for each in fields(SearchConfig) if values.get(each.name) is not None}
    plain: dict[str, Any] = {name: tuple(some) if isinstance(some, list) else some for name, some in given.items()}
    return SearchConfig(**plain)


def is_usable(character: str) -> bool:
    """Return whether the name of a search may hold a character."""
    return character.isalnum() or character in "-_."


def check_search_name(name: str) -> None:
    """Raise `ConfigError` for a name that cannot be that of a folder."""
    if not name or name.startswith(".") or not all(map(is_usable, name)):
        raise ConfigError(
            f"search name {name!r} must consist of letters, digits, '-', '_' and '.', not beginning with '.'"
        )
