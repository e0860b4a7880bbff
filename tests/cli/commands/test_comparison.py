"""compare on the command line: options reach the plan, and mistakes are one sentence."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from helixnas.artifacts.lineage import Generation, Lineage, LineageFolder
from helixnas.cli import main
from helixnas.cli.commands.comparison import COMMANDS


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What reaches the plan, which is shown by a stub."""
    found: dict[str, Any] = {}

    def plan(recipe: Any, folder: Any, search: Any, **others: Any) -> None:
        found.update(others, recipe=recipe, search=search)

    monkeypatch.setattr("helixnas.experiments.comparison_plan.plan_comparison", plan)
    monkeypatch.setattr("helixnas.cli.tables.comparison.show_plan", lambda plan, console: None)
    return found


def test_options_and_settings_reach_the_plan(run: str, planned: dict[str, Any]) -> None:
    words = ["compare", run, "--with", "resnet18, teacher", "--random", "2", "--num-trainings", "3", "--dry-run"]
    assert main([*words, "--tolerance", "5", "--num-epochs", "4", "--retrain.fit.lr", "0.125"]) == 0
    assert (planned["models"], planned["num_random"], planned["num_trainings"]) == (("resnet18", "teacher"), 2, 3)
    assert (planned["tolerance"], planned["num_epochs"], planned["search"]) == (0.05, 4, "small")
    assert planned["recipe"].retrain.fit.lr == 0.125
    assert planned["latency"] is None
    assert main(["compare", run, "--dry-run", "--latency", "pytorch-eager", "--search", "small"]) == 0
    assert planned["latency"].latency == "pytorch-eager"
    assert main(["compare", run, "--dry-run", "--latency=none"]) == 0
    assert planned["latency"] is None


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--tolerance", "0"], "--tolerance must be above 0 and below 100 percent, not 0"),
        (["--num-epochs", "0"], "--num-epochs must be at least 1, not 0"),
        (["--retrain.fit.num-epochs", "3"], "the number of epochs of a comparison is --num-epochs"),
        (["--data.image-size", "9"], "--data.image-size cannot be changed: a comparison uses the images and the space"),
        (["--latency", "fast"], "--latency must be one of"),
        (["--search", "smal"], "unknown search 'smal'; did you mean small?"),
        (["--with", "resnet19", "--dry-run"], "unknown timm model 'resnet19'; did you mean"),
    ],
)
def test_a_mistake_is_one_sentence(run: str, complaint: Callable[..., str], words: list[str], sentence: str) -> None:
    assert sentence in complaint("compare", run, *words)


def test_the_defaults_are_short_and_once() -> None:
    options = COMMANDS[0].parse(["runs/a"])
    assert (options.num_epochs, options.num_trainings, options.random, options.budget) == (None, 1, 3, "winner")


def test_a_search_that_another_generation_has_is_told(
    run: str, generation: Callable[..., Generation], complaint: Callable[..., str], tmp_path: Path
) -> None:
    out = LineageFolder(tmp_path / "plus")
    for number in (1, 2):
        shutil.copytree(run, out.run(number).path)
    shutil.copytree(out.run(1).search("small"), out.run(1).search("other"))
    ones = (generation(1, quality=0.5), generation(2, quality=0.75))
    Lineage(recipe="tiny", number=2, search="small", generations=ones).save(out.lineage)
    said = complaint("compare", str(out.path), "--search", "other")
    assert (
        f"{out.run(1).path} has the search 'other', but {out.run(2).path}, the generation that is kept, has not" in said
    )
