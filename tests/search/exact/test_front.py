import re

import numpy as np
import pytest

from helixnas.errors import ConfigError, UnknownNameError
from helixnas.search import (
    Budget,
    Instance,
    InstanceBlock,
    enumerate_answers,
    front_of,
    pareto_front,
    parse_limits,
    solve,
)


def test_front_holds_the_optimum_of_every_budget(table_1):
    instance = table_1(1)
    front = pareto_front(instance, Budget(), ["macs"])
    assert len(front) > 50
    for place in range(0, len(front), 10):
        assert solve(instance, Budget(upper={"macs": front[place].costs["macs"]})).best() == front[place]
    cheaper = front[10].costs["macs"] - 1
    assert solve(instance, Budget(upper={"macs": cheaper})).best() == front[11]


def test_front_of_two_resources_holds_the_optimum_of_pairs_of_budgets(table_1):
    instance = table_1(2)
    front = pareto_front(instance, Budget(), ["params", "macs"])
    for place in range(0, len(front), len(front) // 6):
        point = front[place]
        budget = Budget(upper={name: point.costs[name] for name in ("params", "macs")})
        assert solve(instance, budget).best() == point


def test_front_of_three_resources_agrees_with_exhaustive_enumeration_when_it_is_large():
    rng = np.random.default_rng(0)
    widths = np.full(28, 8)
    blocks = tuple(
        InstanceBlock(
            width_in=widths,
            width_out=widths,
            score=rng.integers(0, 10**6, 28),
            costs=rng.integers(0, 10**6, (28, 3)),
            order=rng.permutation(28),
        )
        for _ in range(2)
    )
    instance = Instance(blocks=blocks, resources=("a", "b", "c"))
    expected = front_of(enumerate_answers(instance), instance.resources)
    assert tuple(pareto_front(instance, Budget(), instance.resources)) == expected


def test_a_front_at_a_resolution_is_the_front_of_rounded_costs(draw_instance):
    for seed in range(60):
        instance, budget = draw_instance(seed)
        name = instance.resources[0]
        if name in budget.lower:
            with pytest.raises(ConfigError, match="has a lower limit, which rounded costs cannot guarantee"):
                pareto_front(instance, budget, [name], resolution={name: 2})
            continue
        step = 1 + seed % 5
        blocks = tuple(_rounded(block, step) for block in instance.blocks)
        rounded = Instance(blocks=blocks, resources=instance.resources, combine=instance.combine)
        expected = front_of(enumerate_answers(rounded, budget), [name])
        if not expected and enumerate_answers(instance, budget):
            with pytest.raises(ConfigError, match="no architecture is inside the limits; take smaller steps"):
                pareto_front(instance, budget, [name], resolution={name: step})
            continue
        front = pareto_front(instance, budget, [name], resolution={name: step})
        assert [answer.rows for answer in front] == [answer.rows for answer in expected], seed
        assert all(answer.costs[name] <= budget.upper.get(name, 2**60) for answer in front)
        assert front.steps == {name: step}


def test_a_front_that_is_too_large_is_refused_with_a_resolution_that_fits(table_1, monkeypatch):
    monkeypatch.setattr("helixnas.search.exact.front.MOST_POINTS", 3_000)
    instance, asked = table_1(0), ["params", "macs", "latency_ns"]
    with pytest.raises(
        ConfigError, match="needs more than 3,000 partial architectures; .* resolution params="
    ) as caught:
        pareto_front(instance, Budget(), asked)
    steps = _resolution(str(caught.value))
    front = pareto_front(instance, Budget(), asked, resolution=steps)
    assert 1 <= len(front) <= 3_000


def test_a_resolution_counts_every_limited_resource_and_never_leaves_nothing_silently(table_1, monkeypatch):
    monkeypatch.setattr("helixnas.search.exact.front.MOST_POINTS", 300)
    instance = table_1(0)
    limited = Budget(upper={"latency_ns": int(0.9 * solve(instance, Budget()).best().costs["latency_ns"])})
    with pytest.raises(ConfigError, match="resolution params=.*, latency_ms=") as caught:
        pareto_front(instance, limited, ["params"])
    steps = _resolution(str(caught.value))
    with pytest.raises(ConfigError, match="no architecture is inside the limits; take smaller steps"):
        pareto_front(instance, limited, ["params"], resolution=steps)
    with pytest.raises(ConfigError, match="ask for fewer resources, or leave lower limits out"):
        pareto_front(instance, Budget(lower={"macs": 10**7}), ["params", "latency_ns"])


def test_an_empty_front_is_empty_in_every_column(draw_instance):
    instance, _ = draw_instance(0)
    name = instance.resources[0]
    front = pareto_front(instance, Budget(lower={name: 2**59}), [name])
    assert (len(front), front.costs.shape) == (0, (0, len(instance.resources)))
    assert front.to_pandas().empty


def test_a_resolution_below_1_and_an_unknown_resource_are_refused(draw_instance):
    instance, _ = draw_instance(0)
    name = instance.resources[0]
    with pytest.raises(ConfigError, match=f"the resolution of '{name}' must be at least 1, not 0"):
        pareto_front(instance, Budget(), [name], resolution={name: 0})
    with pytest.raises(UnknownNameError, match="unknown resource 'size'"):
        pareto_front(instance, Budget(), ["size"])


def _rounded(block: InstanceBlock, step: int) -> InstanceBlock:
    costs = block.costs.copy()
    costs[:, 0] = [-(-int(cost) // step) * step for cost in costs[:, 0]]
    return InstanceBlock(
        width_in=block.width_in, width_out=block.width_out, score=block.score, costs=costs, order=block.order
    )


def _resolution(message: str) -> dict[str, int]:
    asked = dict(re.findall(r"(\w+)=([\d.]+\d)", message))
    return parse_limits(asked, known=dict.fromkeys(("params", "macs", "latency_ns")), option="resolution")
