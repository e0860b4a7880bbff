"""Amounts as people write them: ``5.3M`` parameters, ``350M`` multiply-adds, ``60%`` of the teacher's."""

import math
import re
from collections.abc import Mapping
from fractions import Fraction

from helixnas.errors import ConfigError, UnknownNameError

_TIMES = {"_us": 10**3, "_ms": 10**6, "_s": 10**9}
"""Endings of a name that is a time, and nanoseconds in one; the resource itself ends in ``_ns``."""

_FACTORS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "b": 10**9, "t": 10**12}
_AMOUNT = re.compile(r"\s*(\d+(?:\.\d+)?(?:e[+-]?\d+)?)\s*([kmgbt%]?)\s*", re.IGNORECASE)


def parse_amount(text: str | int | float, *, reference: int | None = None, factor: int = 1) -> int:
    """Return the whole number that an amount means, times `factor`, rounded down; a percentage is of `reference`.

    Raises:
        ConfigError: the text is not an amount, or a share of something unknown.

    >>> parse_amount("5.3M"), parse_amount("60%", reference=1000), parse_amount(12)
    (5300000, 600, 12)
    """
    match = _AMOUNT.fullmatch(str(text))
    if match is None:
        raise ConfigError(f"{text!r} is not an amount; write 5300000, 5.3M, 350M or 60%")
    number, unit = Fraction(match[1]), match[2].lower()
    if unit == "%":
        if reference is None:
            raise ConfigError(
                f"{text!r} is a share of the teacher's, which is not known for this resource; write a number"
            )
        return math.floor(number * reference / 100)
    return math.floor(number * _FACTORS[unit] * factor)


def parse_limits(
    limits: Mapping[str, str | int | float], *, known: Mapping[str, int | None], option: str
) -> dict[str, int]:
    """Return limits per resource as whole numbers; a time may be given in another unit than nanoseconds.

    Args:
        limits: resource -> amount.
        known: the resources there are -> the teacher's, where known.
        option: where the limits were given, for messages.

    Raises:
        UnknownNameError: there is no such resource.
        ConfigError: an amount is none, a share of something unknown, or limits what another limits already.

    >>> parse_limits({"macs": "50%", "latency_ms": 1.5}, known={"macs": 800, "latency_ns": None}, option="max")
    {'macs': 400, 'latency_ns': 1500000}
    """
    parsed: dict[str, int] = {}
    for given, amount in limits.items():
        name, factor = _resource(given, known)
        if name not in known:
            raise UnknownNameError(f"resource in {option}", given, known)
        if name in parsed:
            raise ConfigError(f"{option} limits {name} twice, once as {given}; give each resource once")
        parsed[name] = parse_amount(amount, reference=known[name], factor=factor)
    return parsed


def _resource(given: str, known: Mapping[str, int | None]) -> tuple[str, int]:
    """Return the resource that a name means, and its units in one of the name's."""
    for ending, factor in _TIMES.items():
        name = f"{given.removesuffix(ending)}_ns"
        if given not in known and given.endswith(ending) and name in known:
            return name, factor
    return given, 1
