"""Budget: upper and lower limits on what an architecture costs, per resource."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from helixnas.errors import ConfigError, UnknownNameError
from helixnas.search.amounts import readable


@dataclass(frozen=True, kw_only=True)
class Budget:
    """Inclusive limits per resource, in the instance's whole units; resources that are not named are not limited.

    >>> Budget(upper={"macs": 350_000_000}, lower={"params": 4_000_000}).text
    'macs <= 350,000,000 and params >= 4,000,000'
    """

    upper: Mapping[str, int] = field(default_factory=dict[str, int])
    lower: Mapping[str, int] = field(default_factory=dict[str, int])

    def __post_init__(self) -> None:
        for side, limits in (("upper", self.upper), ("lower", self.lower)):
            for name, limit in limits.items():
                if isinstance(limit, bool) or not isinstance(limit, int):  # pyright: ignore[reportUnnecessaryIsInstance]
                    raise ConfigError(f"the {side} limit of {name!r} must be a whole number, not {limit!r}")
                if limit < 0:
                    raise ConfigError(f"the {side} limit of {name!r} must be at least 0, not {limit:,}")
            object.__setattr__(self, side, MappingProxyType(dict(limits)))

    @property
    def names(self) -> tuple[str, ...]:
        """The limited resources, each once, those with an upper limit first."""
        return tuple(dict.fromkeys((*self.upper, *self.lower)))

    @property
    def text(self) -> str:
        """The limits in readable form."""
        parts = [" <= ".join(readable(name, limit)) for name, limit in self.upper.items()]
        parts += [" >= ".join(readable(name, limit)) for name, limit in self.lower.items()]
        return " and ".join(parts) or "no limits"

    def check(self, resources: Sequence[str]) -> None:
        """Raise `UnknownNameError` if a limited resource is not among `resources`."""
        for name in self.names:
            if name not in resources:
                raise UnknownNameError("resource", name, resources)

    def allows(self, costs: Mapping[str, int]) -> bool:
        """Return whether costs meet every limit."""
        below = all(costs[name] <= limit for name, limit in self.upper.items())
        return below and all(costs[name] >= limit for name, limit in self.lower.items())

    def __hash__(self) -> int:
        return hash((frozenset(self.upper.items()), frozenset(self.lower.items())))


def front_resources(budget: Budget, front: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the resources of a search's front: those asked for, else the limited resource if there is one, else macs.

    >>> front_resources(Budget(upper={"params": 9})), front_resources(Budget(upper={"params": 9, "latency_ns": 9}))
    (('params',), ('macs',))
    """
    return tuple(front) or (budget.names if len(budget.names) == 1 else ("macs",))


def tie_order(budget: Budget, front: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the resources in the order that decides between equal scores: limited, of the front, macs, params.

    >>> tie_order(Budget(upper={"params": 9}))
    ('params', 'macs')
    """
    return tuple(dict.fromkeys((*budget.names, *front_resources(budget, front), "macs", "params")))
