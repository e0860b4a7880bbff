"""A proposal is a recipe that runs end to end, from nothing but a teacher, pictures and a limit."""

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from helixnas.artifacts.run_folder import RunFolder
from helixnas.artifacts.search_record import SearchRecord
from helixnas.engine.progress import Reporter
from helixnas.errors import ConfigError, InfeasibleBudgetError
from helixnas.pipeline.estimate import sketch
from helixnas.pipeline.hardware.machine import Machine
from helixnas.pipeline.memory.need import TITLES
from helixnas.pipeline.memory.stages import needs_of
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.run import run_recipe
from helixnas.pipeline.stage import ForwardTimes
from helixnas.pipeline.work.early_budgets import check_early
from helixnas.settings import build
from helixnas.start.proposal import SEARCH, Proposal, propose
from helixnas.start.recipe_text import recipe_text
from helixnas.start.request import Request


def test_a_proposed_recipe_runs_and_its_winner_meets_the_limit(
    proposal: Proposal, tmp_path: Path, plain_page: None
) -> None:
    folder = RunFolder(tmp_path / "run")
    record = run_recipe(proposal.recipe, folder, Reporter())
    assert {"teacher", "distill", "rate", f"search:{SEARCH}", f"retrain:{SEARCH}"} <= record.stages.keys()
    found = SearchRecord.load(folder.search(SEARCH) / "result.json")
    assert found.costs["macs"] <= found.upper["macs"] == int(0.6 * proposal.teacher.costs["macs"])
    assert record.stages["teacher"].facts["macs"] == proposal.teacher.costs["macs"]


@pytest.fixture
def instant(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not measure the speed of this machine."""
    times = ForwardTimes(teacher=1e-4, network=1e-4, supernet=3e-4, rating=3e-4)
    monkeypatch.setattr("helixnas.start.proposal.forward_times", lambda drawn, recipe: times)


def test_a_limit_that_decides_nothing_is_named(instant: None, asking: Callable[..., Request]) -> None:
    said: list[str] = []
    propose(asking(max={"macs": "60%", "params": "9000%"}), said.append)
    (warning,) = [text for text in said if text.startswith("warning: ")]
    assert re.match(
        r"warning: every network of the space meets params <= [\d,]+, so this limit decides nothing", warning
    )


def test_cells_share_weights_where_their_own_do_not_fit_the_memory(
    instant: None, asking: Callable[..., Request], monkeypatch: pytest.MonkeyPatch
) -> None:
    request = asking(teacher="test_vit", image_size=160)
    drawn = propose(request).recipe
    (need,) = needs_of(sketch(drawn, 3), drawn, ["distill"])
    little = 2 * need.bytes.fixed  # of which a half may be taken, so that no image fits beside the weights
    monkeypatch.setattr("helixnas.start.proposal.this_machine", lambda: Machine(num_cores=1, memory=little))
    found = propose(request)
    assert not drawn.supernet.slimmable
    assert found.recipe.supernet.slimmable
    assert yaml.safe_load(recipe_text(found))["supernet"] == {"slimmable": True}
    assert "supernet:" not in recipe_text(replace(found, schedule=replace(found.schedule, recipe=drawn)))


def test_what_no_batch_fits_into_the_memory_is_told(
    instant: None, asking: Callable[..., Request], monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr("helixnas.start.proposal.this_machine", lambda: Machine(num_cores=1, memory=2**20))
    propose(asking(), said.append)
    warnings = [text for text in said if "GiB of memory even with the smallest batch" in text]
    named = [text.removeprefix("warning: ").partition(" may need ")[0] for text in warnings]
    assert named == [TITLES[each] for each in ("teacher", "distill", "rate", "proxies", "stitch", "retrain")]


def test_images_without_labels_are_searched_and_not_retrained(
    instant: None, photos: Path, asking: Callable[..., Request], tmp_path: Path
) -> None:
    for folder in photos.iterdir():
        for file in folder.iterdir():
            (tmp_path / f"{folder.name}{file.name}").symlink_to(file)
    said: list[str] = []
    found = propose(replace(asking(data=str(tmp_path)), weights="hub"), said.append)
    kinds = [text.partition(":")[0] for text in said]
    assert kinds == ["machine", "images", *["teacher"] * 5, "space", "estimated time on this machine"]
    assert found.recipe.retrain is None
    assert not found.recipe.data.labels
    assert found.teacher.num_classes == 1000
    assert found.recipe.expected_images == 150


@pytest.mark.slow
def test_a_validation_folder_leaves_all_training_images(
    instant: None, photos: Path, asking: Callable[..., Request], tmp_path: Path
) -> None:
    assert propose(asking()).recipe.expected_images == 120
    (tmp_path / "train").symlink_to(photos)
    shutil.copytree(photos, tmp_path / "validation")
    assert propose(asking(data=str(tmp_path))).recipe.expected_images == 150


@pytest.mark.slow
def test_a_run_that_takes_longer_than_the_hours_is_told(
    monkeypatch: pytest.MonkeyPatch, asking: Callable[..., Request]
) -> None:
    times = ForwardTimes(teacher=1.0, network=1.0, supernet=3.0, rating=3.0)
    monkeypatch.setattr("helixnas.start.proposal.forward_times", lambda drawn, recipe: times)
    said: list[str] = []
    propose(asking(), said.append)
    assert re.fullmatch(r"estimated time on this machine: .+", said[-2])
    assert said[-1] == "warning: that is more than the 0.002 hours given, even with one epoch of few images"


@pytest.mark.long
def test_no_budget_that_init_accepts_is_found_infeasible_by_a_run(
    instant: None, asking: Callable[..., Request], tmp_path: Path
) -> None:
    rng, accepted = np.random.default_rng(3), 0
    for _ in range(100):
        names = rng.permutation(["macs", "params", "activation_bytes"])[: rng.integers(1, 3)]
        limits = {str(name): f"{100 * 10 ** rng.uniform(-1, 0):.1f}%" for name in names}
        try:
            found = propose(asking(max=limits, teacher=str(rng.choice(["test_resnet", "mobilenetv3_small_050"]))))
        except (ConfigError, InfeasibleBudgetError):
            continue
        accepted += 1
        recipe = build(Recipe, yaml.safe_load(recipe_text(found)), where="the file of init")
        check_early(recipe, RunFolder(tmp_path), num_classes=3)  # as the run does before it trains
        if accepted == 10:
            return
    raise AssertionError(f"{accepted} of 100 random budgets are accepted")
