"""Evidence beyond size: found where two sources share what size does not tell, absent where they share size alone."""

from dataclasses import replace

import numpy as np
import pytest

from helixnas.artifacts.rating_table import RatingTable
from helixnas.costs import cost_table
from helixnas.search import Tables
from helixnas.search.evidence import agreement_of_moments, evidence_beyond_size
from helixnas.search.tables import score_tables
from helixnas.space import SearchSpace, macro


@pytest.fixture(scope="module")
def space() -> SearchSpace:
    return macro(depths=(2, 3, 3), widths=(8, 16, 24), stem_width=4)


def tables_of(space: SearchSpace, *, shared: float, size: float, with_proxy: bool = True, seed: int = 0) -> Tables:
    """Return a score and a proxy whose noise is their own, beside what they share with each other and with size."""
    costs = cost_table(space, image_size=32, num_classes=10)
    rng, total = np.random.default_rng(seed), costs.resource("macs").std()
    scores: dict[str, list[np.ndarray]] = {"relative_l1": [], "naswot": [], "calibrated": []}
    for block in range(1, len(space.blocks) + 1):
        rows = costs.rows(block)
        macs = costs.resource("macs")[rows].astype(float)
        hidden = rng.normal(size=len(rows))
        for values in scores.values():
            values.append(rng.normal(size=len(rows)) + shared * hidden - size * macs / total)
    kept = scores if with_proxy else {"relative_l1": scores["relative_l1"]}
    found: tuple[RatingTable, ...] = score_tables(costs, kept)
    return Tables(ratings=found, costs=costs)


def test_what_two_sources_share_beyond_size_is_found(space: SearchSpace) -> None:
    found = evidence_beyond_size(tables_of(space, shared=2.0, size=3.0), space)
    assert [*found] == [("relative_l1", "naswot")]  # calibrated scores may hold the proxy
    estimate = found["relative_l1", "naswot"]
    assert estimate.value > 0.5
    assert 0.3 < estimate.interval[0] < estimate.value < estimate.interval[1]


@pytest.mark.slow
def test_sources_that_share_size_alone_agree_on_nothing_else(space: SearchSpace) -> None:
    drawn = [
        tables_of(space, shared=0.0, size=6.0, seed=seed) for seed in range(5)
    ]  # 63 paths agree by chance in a single draw
    found = [evidence_beyond_size(each, space)["relative_l1", "naswot"].value for each in drawn]
    assert abs(np.mean(found)) < 0.2


def test_a_run_without_proxies_has_no_independent_evidence(space: SearchSpace) -> None:
    assert evidence_beyond_size(tables_of(space, shared=1.0, size=1.0, with_proxy=False), space) == {}


def test_moments_that_share_what_size_does_not_tell_agree(space: SearchSpace) -> None:
    first, second = (tables_of(space, shared=2.0, size=3.0, seed=seed) for seed in (0, 1))
    same = agreement_of_moments(first, first, "relative_l1", space)
    assert same.value == pytest.approx(1.0)
    assert abs(agreement_of_moments(first, second, "relative_l1", space).value) < 0.3  # both follow size, nothing else
    doubled = [replace(each, scores={"relative_l1": 2 * each.batches("relative_l1")}) for each in first.ratings]
    assert agreement_of_moments(
        first, replace(first, ratings=tuple(doubled)), "relative_l1", space
    ).value == pytest.approx(1)
