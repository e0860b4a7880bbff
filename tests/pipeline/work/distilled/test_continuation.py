"""A distillation that stopped early is gone on with, and ends as if it had never stopped."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from helixnas.artifacts.run_folder import RunFolder
from helixnas.distill import Distillation
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.run import run_recipe

Digests = Callable[[Path], dict[str, str]]


def stopped(tiny: Recipe, share: float, seed: int = 0) -> Recipe:
    """Return the recipe with its distillation stopped at a share of its steps."""
    return replace(tiny, seed=seed, distill=replace(tiny.distill, stop_at=share))


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Note every step that is trained."""
    done: list[int] = []
    train = Distillation._train_on

    def noted(self: Distillation, *arguments, **settings):
        done.append(self.step)
        return train(self, *arguments, **settings)

    monkeypatch.setattr(Distillation, "_train_on", noted)
    return done


def test_a_longer_distillation_goes_on_in_another_run_and_equals_one_that_never_stopped(
    finished: RunFolder, tiny: Recipe, tmp_path: Path, listener, digests: Digests, steps: list[int]
) -> None:
    early, late = RunFolder(tmp_path / "early"), RunFolder(tmp_path / "late")
    run_recipe(stopped(tiny, 0.5), early, listener, until="distill", others=[finished])
    half = len(steps)
    assert early.supernet_state.is_file()
    run_recipe(tiny, late, listener, until="rate", others=[early])
    whole = finished.load_record().stages["distill"].facts["steps"]
    assert steps == list(range(whole))
    assert half == round(whole / 2) == early.load_record().stages["distill"].facts["steps"]
    expected, found = digests(finished.path), digests(late.path)
    same = [name for name in found if name.startswith(("ratings", "history"))]
    assert len(same) >= 4
    assert {name: found[name] for name in same} == {name: expected[name] for name in same}
    assert not late.supernet_state.exists()
    assert early.supernet_state.is_file()


@pytest.mark.slow
def test_a_distillation_of_other_settings_begins_anew(
    finished: RunFolder, tiny: Recipe, tmp_path: Path, listener, steps: list[int]
) -> None:
    folder = RunFolder(tmp_path / "run")
    run_recipe(stopped(tiny, 0.5), folder, listener, until="distill", others=[finished])
    steps.clear()
    other = replace(stopped(tiny, 0.5), distill=replace(tiny.distill, stop_at=0.5, lr=0.003))
    run_recipe(other, folder, listener, until="distill")
    assert steps[0] == 0
    steps.clear()
    run_recipe(replace(other, distill=replace(other.distill, stop_at=0.25)), folder, listener, until="distill")
    assert steps[0] == 0  # what is kept is too late for it
