"""Amounts as people write them: ``5.3M`` parameters, ``350M`` multiply-adds, ``60%`` of the teacher's."""

import math
import re
from collections.abc import Mapping
from fractions import Fraction

from helixnas.errors import ConfigError, UnknownNameError

_FACTORS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "b": 10**9, "t": 10**12}
_AMOUNT = re.compile(r"\s*(\d+(?:\.\d+)?(?:e[+-]?\d+)?)\s*([kmgbt%]?)\s*", re.IGNORECASE)
LARGEST = 2**63
"""Limits are below this, as the costs in tables are."""

UNITS: Mapping[str, tuple[str, int]] = {"latency_ms": ("latency_ns", 10**6)}
"""Aliases in larger units: the resource, and how many of its units one unit of the alias is."""

LATENCY_LIMITS = ("latency_ms", "latency_ns")
"""Names under which a search limits latency."""


def parse_amount(text: str | int | float, *, reference: int | None = None, unit: int = 1, what: str = "amount") -> int:
    """Parse an amount and return it as a whole number, rounded down; a percentage is a share of `reference`.

    A plain number is multiplied by `unit`; `what` names the quantity in messages. Raises `ConfigError` if the text is
    not an amount, or a percentage without a reference.

    >>> parse_amount("5.3M"), parse_amount("60%", reference=1000), parse_amount(12)
    (5300000, 600, 12)
    """
    match = _AMOUNT.fullmatch(str(text))
    if match is None:
        raise ConfigError(f"{text!r} is not an amount; write 5300000, 5.3M, 350M or 60%")
    if math.isinf(float(match[1])):
        raise ConfigError(f"{text!r} is too large for an amount")
    number, prefix = Fraction(match[1]), match[2].lower()
    if prefix == "%" and reference is None:
        raise ConfigError(f"{text!r} is a share of the teacher's {what}, which is not known; write a number")
    return math.floor(number * (reference or 0) / 100 if prefix == "%" else number * _FACTORS[prefix] * unit)


def parse_limits(
    limits: Mapping[str, str | int | float], *, known: Mapping[str, int | None], option: str
) -> dict[str, int]:
    """Return limits per resource as whole numbers; latency may be given in milliseconds.

    `known` maps the available resources to the teacher's amounts; `option` names the limits in messages.

    Raises:
        UnknownNameError: there is no such resource.
        ConfigError: an amount is invalid, a percentage without a reference, or a second limit on the same resource.

    >>> parse_limits({"macs": "50%", "latency_ms": 1.5}, known={"macs": 800, "latency_ns": None}, option="max")
    {'macs': 400, 'latency_ns': 1500000}
    """
    parsed: dict[str, int] = {}
    for name, amount in limits.items():
        resource, unit = UNITS.get(name, (name, 1))
        if resource not in known:
            raise UnknownNameError(f"resource in {option}", name, _as_written(known))
        if resource in parsed:
            names = [other for other in limits if UNITS.get(other, (other, 1))[0] == resource]
            raise ConfigError(f"{option} limits {resource} twice, by {' and '.join(names)}; give it once")
        parsed[resource] = parse_amount(amount, reference=known[resource], unit=unit, what=name)
        if parsed[resource] >= LARGEST:
            raise ConfigError(f"{option} {name}={amount} is too large; it must be below 2^63")
    return parsed


def _as_written(known: Mapping[str, int | None]) -> set[str]:
    """Return the names that a user may limit: latency, measured or not, in milliseconds."""
    return {*known, *UNITS} - {resource for resource, _ in UNITS.values()}


def readable(resource: str, amount: int, *, decimals: int | None = None) -> tuple[str, str]:
    """Return name and amount for display: latency in milliseconds, everything else unchanged.

    Amounts are exact unless `decimals` limits the digits of one in a larger unit.

    >>> readable("latency_ns", 12_500_000), readable("latency_ns", 12_345_678, decimals=2), readable("macs", 3500)
    (('latency_ms', '12.5'), ('latency_ms', '12.35'), ('macs', '3,500'))
    """
    for name, (counted, unit) in UNITS.items():
        if counted == resource:
            exact = f"{amount // unit:,}.{amount % unit:0{len(str(unit)) - 1}}".rstrip("0").removesuffix(".")
            return name, exact if decimals is None else f"{amount / unit:,.{decimals}f}"
    return resource, f"{amount:,}"
