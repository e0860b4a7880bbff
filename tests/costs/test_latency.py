"""Latency is a sum of parts in which a call is paid for once; its error is told in shares of what was measured."""

import pytest

from helixnas.costs import (
    EMPTY,
    LATENCY,
    CostsConfig,
    Input,
    Measured,
    compare,
    error_summary,
    error_text,
    latency_table,
    measure_network,
    parts,
    random_networks,
)
from helixnas.space import SearchSpace

NETWORK = "12:mb2_k3,mb2_k3 12:mb2_k3"


def test_the_empty_call_is_taken_off_every_part_and_charged_once(tiny: SearchSpace, given: Input) -> None:
    times = {name: 1000 + number for number, name in enumerate(parts(tiny, given))} | {EMPTY: 100}
    table = latency_table(tiny, given, times, facts={})
    network = tiny.parse(NETWORK)
    passed = ["stem-3-8", "mb2_k3-8-12-s1-8", "mb2_k3-12-12-s1-8", "mb2_k3-12-12-s2-8", "head-12-4"]
    assert table.of(network) == {LATENCY: sum(times[name] - 100 for name in passed) + 100}
    assert list(table.resources) == [LATENCY]


def test_a_part_faster_than_the_empty_call_costs_nothing(tiny: SearchSpace, given: Input) -> None:
    times = dict.fromkeys(parts(tiny, given), 50) | {EMPTY: 100}
    assert latency_table(tiny, given, times, facts={}).of(tiny.parse(NETWORK)) == {LATENCY: 100}


def test_prediction_stands_beside_measurement(tiny: SearchSpace, given: Input) -> None:
    times = dict.fromkeys(parts(tiny, given), 10) | {EMPTY: 0}
    found = compare(latency_table(tiny, given, times, facts={}), {tiny.parse(NETWORK): 40})
    assert [(pair.architecture, pair.predicted_ns, pair.measured_ns, pair.error) for pair in found] == [
        (NETWORK, 50, 40, 0.25)
    ]


def test_errors_are_absolute_shares_and_their_side_is_told() -> None:
    pairs = [Measured(architecture="", predicted_ns=p, measured_ns=100) for p in (75, 100, 50)]
    summary = error_summary(pairs)
    assert summary == {"median": 0.25, "worst": 0.5, "bias": -0.25}
    assert "25.0 % (median), 50.0 % (worst), mostly too low" in error_text(summary, 3)
    assert error_summary([]) == {}
    assert "unknown" in error_text({}, 0)


def test_random_networks_are_distinct_and_follow_the_seed(tiny: SearchSpace) -> None:
    drawn = random_networks(tiny, 20, seed=1)
    assert len(set(drawn.values())) == len(drawn) == tiny.size == 2
    assert list(drawn.items()) == list(random_networks(tiny, 20, seed=1).items())


@pytest.mark.parametrize("batch_size", [1, 2])
def test_a_whole_network_is_measured_in_nanoseconds(tiny: SearchSpace, given: Input, batch_size: int) -> None:
    config = CostsConfig(latency="pytorch-eager", num_rounds=1, batch_size=batch_size, num_threads=1)
    assert measure_network(tiny.parse(NETWORK), given, config) > 0
