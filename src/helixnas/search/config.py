"""SearchConfig: the budgets of one named search."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from helixnas.errors import ConfigError
from helixnas.search.amounts import parse_amount

Amount = str | int | float
"""A quantity as people write it: 5300000, 5.3M, 60% (of the teacher's)."""


@dataclass(frozen=True, kw_only=True)
class SearchConfig:
    """One named search: its budgets and what it adds up."""

    max: Mapping[str, Amount] = field(default_factory=dict[str, Amount])
    """Upper limits per resource (params, macs): 5.3M, 350M, or 60% of the teacher's."""

    min: Mapping[str, Amount] = field(default_factory=dict[str, Amount])
    """Lower limits per resource."""

    weights: tuple[float, ...] = ()
    """lambda_k of Eq. 4, one per block; empty for 1 each."""

    scores: tuple[str, ...] = ()
    """Rated scores to add up, each divided by its spread over the space where they are several; empty for the first."""

    front: tuple[str, ...] = ()
    """Resources that the front weighs the score against; empty for the limited one, or macs."""

    resolution: Mapping[str, Amount] = field(default_factory=dict[str, Amount])
    """Per resource, steps to which a front that is too large rounds costs up."""

    time_limit_s: float | None = None
    """Seconds after which an answer need not be proven best; null for no limit."""

    def __post_init__(self) -> None:
        for amount in (*self.max.values(), *self.min.values(), *self.resolution.values()):
            parse_amount(amount, reference=1)
        if self.time_limit_s is not None and not 0 <= self.time_limit_s < float("inf"):
            raise ConfigError(f"time_limit_s must be a number of at least 0, not {self.time_limit_s}")
        for weight in self.weights:
            if not 0 <= weight < float("inf"):
                raise ConfigError(f"a block's weight must be a number of at least 0, not {weight}")

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, which `search_config` reads back."""
        values = {name: dict(value) if isinstance(value, Mapping) else value for name, value in asdict(self).items()}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def search_config(values: Mapping[str, Any]) -> SearchConfig:
    """Return the settings of a search from plain values."""
    return SearchConfig(
        max=dict(values.get("max", {})),
        min=dict(values.get("min", {})),
        weights=tuple(values.get("weights") or ()),
        scores=tuple(values.get("scores") or ()),
        front=tuple(values.get("front") or ()),
        resolution=dict(values.get("resolution") or {}),
        time_limit_s=values.get("time_limit_s"),
    )


def check_search_name(name: str) -> None:
    """Raise `ConfigError` for a name that cannot be that of a folder."""
    if not name or name.startswith(".") or not all(c.isalnum() or c in "-_." for c in name):
        raise ConfigError(
            f"search name {name!r} must consist of letters, digits, '-', '_' and '.', not beginning with '.'"
        )
