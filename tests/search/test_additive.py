"""The additive fit: exact where values add up, no better than chance on noise, and what cannot be fitted."""

from dataclasses import replace

import numpy as np
import pytest

from helixnas.artifacts.cost_table import CostTable
from helixnas.artifacts.rating_table import summed
from helixnas.errors import ArtifactError, ConfigError
from helixnas.search.additive import beside, fit_additive
from helixnas.search.tables import score_tables
from helixnas.space import Architecture, SearchSpace, channel, macro


@pytest.fixture(scope="module")
def space() -> SearchSpace:
    return macro(depths=(1, 2, 2), widths=(8, 16, 24), stem_width=4)


@pytest.fixture(scope="module")
def costs(space: SearchSpace) -> CostTable:
    return table_of(space)


def table_of(space: SearchSpace) -> CostTable:
    """A table of the space with made-up costs; torch is not needed."""
    rows = [(0, 3, "", 4)]
    for number, block in enumerate(space.blocks, start=1):
        rows += [(number, width, p.text, p.width) for width in space.previous_widths(number) for p in block.paths()]
    rows.append((len(space.blocks) + 1, space.blocks[-1].widths[0], "", 1280))
    block, previous, path, width = zip(*rows, strict=True)
    return CostTable(
        block=np.array(block),
        previous_width=np.array(previous),
        path=path,
        width=np.array(width),
        resources={"macs": np.ones(len(rows), dtype=np.int64)},
        facts={},
    )


def networks(space: SearchSpace, number: int) -> list[Architecture]:
    rng = np.random.default_rng(0)
    return [space.sample(rng) for _ in range(number)]


def value(architecture: Architecture) -> float:
    """A value that adds up over layers."""
    return sum(
        {"identity": 0.0, "mb3_k3": 1.0, "mb6_k5": 2.5}[operation.name] * (3 - number)
        for number, path in enumerate(architecture.paths)
        for operation in path.operations
    )


def paths_of(space: SearchSpace, costs: CostTable) -> list[np.ndarray]:
    """The value of every path, per block and row of the cost table."""
    gain = {"identity": 0.0, "mb3_k3": 1.0, "mb6_k5": 2.5}
    return [
        np.array(
            [
                sum(gain[operation.name] for operation in space.parse_path(costs.path[row]).operations) * (4 - number)
                for row in costs.rows(number)
            ]
        )
        for number in range(1, len(space.blocks) + 1)
    ]


def sums(space: SearchSpace, costs: CostTable, fit, architectures: list[Architecture]) -> np.ndarray:
    tables = score_tables(costs, {"it": list(fit.paths)})
    return summed(tables, architectures)


def test_values_that_add_up_are_found_from_a_few_networks(space: SearchSpace, costs: CostTable) -> None:
    known, unknown = networks(space, 60), networks(space, 90)[60:]
    fit = fit_additive(space, costs, known, [value(one) for one in known])
    assert fit.kendall.value > 0.95
    predicted, true = sums(space, costs, fit, unknown), np.array([value(one) for one in unknown])
    assert np.corrcoef(predicted, true)[0, 1] > 0.999
    assert sums(space, costs, fit, known).mean() == pytest.approx(0, abs=1e-9)


def test_scores_that_already_rank_need_few_networks_and_stay_in_the_fit(space: SearchSpace, costs: CostTable) -> None:
    known, unknown = networks(space, 5), networks(space, 90)[60:]
    prior = score_tables(costs, {"guess": [-2.0 * each for each in paths_of(space, costs)]})
    fit = fit_additive(space, costs, known, [value(one) for one in known], prior=prior)
    assert fit.slope == pytest.approx(0.5, rel=1e-6)
    predicted, true = sums(space, costs, fit, unknown), np.array([value(one) for one in unknown])
    assert predicted - predicted.mean() == pytest.approx(true - true.mean(), abs=1e-6)


def test_scores_that_the_networks_contradict_are_left_out(space: SearchSpace, costs: CostTable) -> None:
    known = networks(space, 30)
    values = [value(one) for one in known]
    prior = score_tables(costs, {"wrong": list(paths_of(space, costs))})
    assert fit_additive(space, costs, known, values, prior=prior).slope == 0
    without = fit_additive(space, costs, known, values)
    for with_prior, own in zip(
        fit_additive(space, costs, known, values, prior=prior).paths, without.paths, strict=True
    ):
        assert with_prior == pytest.approx(own)


def test_a_width_that_no_network_has_is_filled_in_from_the_others() -> None:
    space = channel(largest=(8, 8, 8, 8, 8, 8, 8))
    costs = table_of(space)
    rng = np.random.default_rng(0)
    drawn = [space.sample(rng) for _ in range(80)]
    known = [one for one in drawn if "mb_h4_k3" not in one.text]
    unknown = [one for one in drawn if "mb_h4_k3" in one.text]

    def grows(one: Architecture) -> float:
        return sum(np.log2(operation.option("hidden", 1)) for path in one.paths for operation in path.operations)

    fit = fit_additive(space, costs, known, [grows(one) for one in known])
    tables = score_tables(costs, {"it": list(fit.paths)})
    assert np.corrcoef(summed(tables, unknown), [grows(one) for one in unknown])[0, 1] > 0.95


@pytest.mark.slow
@pytest.mark.parametrize("has_prior", [False, True])
def test_noise_is_not_taken_for_knowledge(space: SearchSpace, costs: CostTable, has_prior: bool) -> None:
    rng, known = np.random.default_rng(0), networks(space, 20)
    guess = score_tables(costs, {"guess": list(paths_of(space, costs))})
    prior = guess if has_prior else ()
    fits = [fit_additive(space, costs, known, rng.normal(size=20), prior=prior) for _ in range(40)]
    taus = [fit.kendall.value for fit in fits]
    assert abs(np.mean(taus)) < 2.5 * np.std(taus) / np.sqrt(40)
    assert abs(np.median(taus)) < 0.15
    assert np.median([fit.penalty for fit in fits]) >= 1


def test_a_signal_keeps_its_rank_correlation_under_noise(space: SearchSpace, costs: CostTable) -> None:
    rng, known = np.random.default_rng(0), networks(space, 40)
    true = np.array([value(one) for one in known])
    noisy = true + 0.5 * true.std() * rng.normal(size=40)
    found = fit_additive(space, costs, known, noisy).kendall
    assert 0.4 < found.interval[0] < found.value < found.interval[1]


def test_a_value_that_is_the_same_everywhere_fits_with_no_spread(space: SearchSpace, costs: CostTable) -> None:
    fit = fit_additive(space, costs, networks(space, 5), np.full(5, 3.0))
    assert all(np.ptp(values) == pytest.approx(0) for values in fit.paths)
    assert fit.kendall.value == 0


def test_too_few_networks_or_a_value_that_is_no_number_is_refused(space: SearchSpace, costs: CostTable) -> None:
    drawn = networks(space, 4)
    with pytest.raises(ConfigError, match="an additive fit needs at least 3 networks, not 2"):
        fit_additive(space, costs, drawn[:2], [1.0, 2.0])
    with pytest.raises(ConfigError, match=f"the value of network '{drawn[1].text}' is not a finite number"):
        fit_additive(space, costs, drawn, [1.0, -np.inf, 2.0, 3.0])


def test_scores_stand_beside_those_of_the_same_paths_on_every_batch(space: SearchSpace, costs: CostTable) -> None:
    fit = fit_additive(space, costs, networks(space, 20), [value(one) for one in networks(space, 20)])
    table = score_tables(costs, {"naswot": list(fit.paths)})[1]
    rated = replace(table, batch_sizes=np.array([2, 1]), scores={"relative_l1": np.zeros((len(table), 2))})
    found = beside(rated, table)
    assert list(found.scores) == ["relative_l1", "naswot"]
    assert np.array_equal(found.batches("naswot"), np.stack([fit.paths[1]] * 2, axis=1))
    with pytest.raises(ArtifactError, match="relative_l1 and naswot of block 2 are of different spaces; redo them"):
        beside(rated, score_tables(costs, {"naswot": list(fit.paths)})[2])
