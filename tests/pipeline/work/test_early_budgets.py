"""A budget that nothing meets is reported before a teacher is trained."""

from dataclasses import replace
from pathlib import Path

import pytest

from helixnas.artifacts.run_folder import RunFolder
from helixnas.engine.progress import Reporter
from helixnas.errors import InfeasibleBudgetError
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.run import run_recipe
from helixnas.pipeline.work.early_budgets import check_early
from helixnas.search.config import SearchConfig


@pytest.mark.parametrize("amount", ["1k", "1%"])
@pytest.mark.parametrize("until", ["distill", "search", "report"])
def test_nothing_is_trained_for_a_budget_below_the_smallest_network(
    tiny: Recipe, tmp_path: Path, listener: Reporter, amount: str, until: str
) -> None:
    recipe = replace(tiny, searches={"small": SearchConfig(max={"macs": amount})})
    with pytest.raises(
        InfeasibleBudgetError, match="^search small: no architecture has macs <= 1,.*the space reaches macs"
    ):
        run_recipe(recipe, RunFolder(tmp_path / "run"), listener, until=until)
    assert getattr(listener, "said", None) == []


def test_costs_of_other_settings_do_not_switch_the_check_off(tiny: Recipe, copy: RunFolder, listener: Reporter) -> None:
    searches = {"small": SearchConfig(max={"macs": "1k"})}
    recipe = replace(tiny, data=replace(tiny.data, image_size=16), searches=searches)
    with pytest.raises(InfeasibleBudgetError, match="^search small: no architecture has macs <= 1,000"):
        run_recipe(recipe, copy, listener)
    assert getattr(listener, "said", None) == []


def test_budgets_on_latency_wait_for_its_measurement(tiny: Recipe, tmp_path: Path) -> None:
    limits = {"macs": "200k", "latency_ms": 0.001}
    check_early(replace(tiny, searches={"a": SearchConfig(max=limits)}), RunFolder(tmp_path), num_classes=10)


def test_images_without_classes_leave_the_searched_networks_those_of_the_teacher(tiny: Recipe, tmp_path: Path) -> None:
    amount = {"params": 3000}  # the smallest network has fewer with the 10 outputs of such a teacher, more with 1,000
    arguments = {**tiny.teacher.model_args, "num_classes": 10}
    recipe = replace(tiny, searches={"a": SearchConfig(max=amount)})
    ten = replace(recipe, teacher=replace(tiny.teacher, model_args=arguments))
    check_early(ten, RunFolder(tmp_path), num_classes=None)
    with pytest.raises(InfeasibleBudgetError):
        check_early(recipe, RunFolder(tmp_path), num_classes=1000)
