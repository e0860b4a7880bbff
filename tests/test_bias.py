"""The benchmark of bias: its shares in closed form, and its runs as recipes whose space favours no kind."""

import runpy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helixnas.pipeline.estimate import sketch
from helixnas.space import load_space

BENCHMARK = Path(__file__).resolve().parents[1] / "benchmarks" / "bias.py"
pytestmark = pytest.mark.skipif(not BENCHMARK.is_file(), reason="the source distribution has no benchmarks")


@pytest.fixture(scope="module")
def bias() -> Mapping[str, Any]:
    """Return the names of the script, without running it."""
    return runpy.run_path(str(BENCHMARK))


def test_the_share_of_the_best_is_the_mean_over_the_lowest_tenth(bias: Mapping[str, Any]) -> None:
    values, shares = np.arange(20.0)[::-1], np.linspace(0, 1, 20)
    assert bias["share_of_best"](values, shares) == pytest.approx((18 / 19 + 1) / 2)
    assert bias["share_of_best"](-values, shares) == pytest.approx((0 + 1 / 19) / 2)
    assert bias["share_of_best"](values, shares, 1.0) == pytest.approx(0.5)
    assert bias["share_of_best"](values[:3], shares[:3]) == shares[2]  # at least one


def test_the_interval_by_chance_is_that_of_draws_without_replacement(bias: Mapping[str, Any]) -> None:
    halves = np.repeat([0.0, 1.0], 50)
    low, high = bias["interval_by_chance"](halves)
    assert (low, high) == (pytest.approx(0.2), pytest.approx(0.8))  # 10 of 100: hypergeometric
    assert bias["interval_by_chance"](np.full(30, 0.25)) == (0.25, 0.25)
    assert bias["interval_by_chance"](halves, 1.0) == (0.5, 0.5)


@pytest.mark.parametrize("base", ["digits-vit", "cifar10-vit"])
def test_half_of_the_layers_of_all_paths_of_a_block_are_attention(bias: Mapping[str, Any], base: str) -> None:
    space = load_space(bias["mixed_space"](base))
    for block in space.blocks:
        shares = bias["attention_of"]([path.text for path in block.paths()], space)
        assert len(shares) == 64
        assert shares.mean() == 0.5
        assert sorted(set(shares)) == pytest.approx([0, 1 / 3, 2 / 3, 1])


@pytest.mark.parametrize("teacher", ["resnet", "vit"])
@pytest.mark.parametrize("base", ["digits-vit", "cifar10-vit"])
def test_every_teacher_has_the_grid_of_the_space(bias: Mapping[str, Any], base: str, teacher: str) -> None:
    for method in ("DNA", "DNA++"):
        recipe = bias["recipe_of"](base, method, teacher, seed=0, quick=True)
        assert recipe.distill.is_self_supervised == (method == "DNA++")
    assert sketch(recipe).teacher.feature_sizes == ((8, 8),) * 3
