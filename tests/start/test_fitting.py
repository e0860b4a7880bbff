"""Fitting: a budget that is accepted can be met, with the exact search's own costs; others are refused with figures."""

import re
from collections.abc import Callable

import numpy as np
import pytest

from helixnas.costs import cost_table
from helixnas.errors import ConfigError, HelixError, InfeasibleBudgetError, UnknownNameError
from helixnas.search import Budget, parse_limits, solve
from helixnas.search.tables import unrated_tables
from helixnas.space import load_space
from helixnas.start.fitting import ROOM, fit_space, loose_limits
from helixnas.start.teacher_facts import TeacherFacts

Look = Callable[..., TeacherFacts]
TEACHERS = ("test_resnet", "test_vit", "mobilenetv3_small_050")


def is_met(facts: TeacherFacts, definition: dict[str, object], limits: dict[str, str | int]) -> bool:
    """Return whether the exact search finds a network within limits, and not all random ones are."""
    space = load_space(definition)
    costs = cost_table(space, image_size=facts.image_size, num_classes=facts.num_classes)
    upper = parse_limits(limits, known=dict(facts.costs), option="max")
    instance = unrated_tables(costs).instance(tuple(upper))
    return solve(instance, Budget(upper=upper)).status == "optimal"


def random_limits(rng: np.random.Generator) -> dict[str, str | int]:
    """Return shares of one or two resources of a teacher, from a tenth to all of it."""
    names = rng.permutation(["macs", "params", "activation_bytes"])[: rng.integers(1, 3)]
    return {str(name): f"{100 * 10 ** rng.uniform(-1, 0):.1f}%" for name in names}


def unmet(number: int, seed: int, look: Look) -> list[dict[str, str | int]]:
    """Try random budgets until so many are accepted, and return those of them that cannot be met."""
    rng, accepted, found = np.random.default_rng(seed), 0, list[dict[str, str | int]]()
    for _ in range(20 * number):
        facts, limits = look(str(rng.choice(TEACHERS))), random_limits(rng)
        try:
            fitted = fit_space(facts, limits)
        except HelixError:
            continue
        accepted += 1
        if not is_met(facts, fitted.definition, limits):
            found.append(limits)
        if accepted == number:
            return found
    raise AssertionError(f"{accepted} of {20 * number} random budgets are accepted")


def test_accepted_budgets_can_be_met(looked_at: Look) -> None:
    assert unmet(1, 1, looked_at) == []


@pytest.mark.long
def test_fifty_accepted_budgets_can_be_met(looked_at: Look) -> None:
    assert unmet(50, 2, looked_at) == []


def test_the_smallest_network_leaves_room_below_every_limit(looked_at: Look) -> None:
    facts = looked_at("test_resnet")
    fitted = fit_space(facts, {"macs": "50%", "params": "40%"})
    for name, share in (("macs", 0.5), ("params", 0.4)):
        assert fitted.smallest[name] <= ROOM * share * facts.costs[name]
    assert any(fitted.largest[name] > share * facts.costs[name] for name, share in (("macs", 0.5), ("params", 0.4)))


def test_a_lower_limit_makes_a_smaller_space(looked_at: Look) -> None:
    facts = looked_at("test_resnet")
    high, low = (fit_space(facts, {"macs": limit}) for limit in ("60%", "25%"))
    assert low.share < high.share
    assert low.largest["macs"] < high.largest["macs"]


def test_latency_counts_as_it_is_measured(looked_at: Look) -> None:
    facts = looked_at("test_resnet")
    measured: list[str] = []

    def meter(network: object) -> int:
        measured.append(str(network))
        return 1_000_000

    fitted = fit_space(facts, {"macs": "50%", "latency_ms": 3}, meter)
    assert fitted.smallest["latency_ns"] == 1_000_000
    assert len(set(measured)) == len(measured)
    with pytest.raises(InfeasibleBudgetError, match="latency_ms <= 1, but the smallest network has 1 and needs room"):
        fit_space(facts, {"latency_ms": 1}, meter)


@pytest.mark.parametrize(
    ("limits", "kind", "message"),
    [
        ({"macs": 1000}, InfeasibleBudgetError, r"macs <= 1,000, but the smallest network has [\d,]+ .*allow at least"),
        ({"macs": "9000%"}, ConfigError, "every network of the widest space .* so there is nothing to search under"),
        ({"macs": "9000%", "params": "9000%"}, ConfigError, r"meets macs <= [\d,]+ \(.*\) and params <= [\d,]+ \("),
        (
            {"activation_bytes": "9000%"},
            ConfigError,
            "every network of the widest space .* so there is nothing to search",
        ),
        ({"mac": "40%"}, UnknownNameError, "unknown resource in max 'mac'; did you mean macs"),
    ],
)
def test_limits_that_nothing_or_everything_meets_are_refused(
    looked_at: Look, limits: dict[str, str | int], kind: type[HelixError], message: str
) -> None:
    with pytest.raises(kind, match=message):
        fit_space(looked_at("test_resnet"), limits)


def test_a_latency_that_every_network_keeps_is_refused(looked_at: Look) -> None:
    with pytest.raises(
        ConfigError, match=r"meets latency_ms <= 100,000 \(the largest cells make 2\), so there is nothing"
    ):
        fit_space(looked_at("test_resnet"), {"latency_ms": 100_000}, lambda network: 2_000_000)


def test_one_loose_limit_among_several_is_named(looked_at: Look) -> None:
    facts, limits = looked_at("test_resnet"), {"macs": "50%", "params": "9000%", "latency_ms": 5}
    definition = fit_space(facts, limits, lambda network: 1_000_000).definition
    params, latency = loose_limits(definition, facts, limits, lambda network: 1_000_000)
    assert re.match(
        r"every network of the space meets params <= [\d,]+, so this limit decides nothing \(.* [\d,]+\)", params
    )
    assert "latency_ms <= 5, so this limit decides nothing (the largest cells make 1)" in latency


@pytest.mark.parametrize("resource", ["macs", "params", "activation_bytes"])
def test_a_limit_is_loose_if_no_network_is_above_it(looked_at: Look, resource: str) -> None:
    facts = looked_at("test_resnet")
    definition = fit_space(facts, {"macs": "50%"}).definition
    space = load_space(definition)
    costs = cost_table(space, image_size=facts.image_size, num_classes=facts.num_classes)
    rng = np.random.default_rng(0)
    seen = max(costs.of(space.sample(rng))[resource] for _ in range(100))
    blocks = unrated_tables(costs).instance((resource,)).blocks
    most = sum(int(block.costs[:, 0].max()) for block in blocks)  # no network has more
    other = {} if resource == "macs" else {"macs": "50%"}
    assert loose_limits(definition, facts, {resource: seen - 1, **other}) == ()
    if other:
        assert f"{resource} <= {most:,}," in loose_limits(definition, facts, {resource: most, **other})[0]
    else:
        with pytest.raises(ConfigError, match="nothing to search under"):
            loose_limits(definition, facts, {resource: most})
