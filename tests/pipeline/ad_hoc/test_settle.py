"""When to rate: moments follow each other until two agree, whatever interrupts them; the run keeps the last."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helixnas.artifacts import RatingTable
from helixnas.artifacts.agreement import Estimate
from helixnas.artifacts.run_folder import RunFolder
from helixnas.engine.progress import Reporter
from helixnas.errors import ConfigError, Interrupted
from helixnas.pipeline.ad_hoc import settle as module
from helixnas.pipeline.ad_hoc.settle import Moment, learned_score, settle
from helixnas.pipeline.recipe import Recipe

Agree = Callable[..., None]


@pytest.fixture
def agree(monkeypatch: pytest.MonkeyPatch) -> Agree:
    """A function that sets how the moments agree, one after the other."""

    def set_agreements(*values: float) -> None:
        left = list(values)

        def agreement(first: Any, second: Any, score: str, space: Any) -> Estimate:
            assert first.ratings[0].mean(score).tolist() != second.ratings[0].mean(score).tolist()
            value = left.pop(0)
            return Estimate(value, (value - 0.1, value + 0.1))

        monkeypatch.setattr(module, "agreement_of_moments", agreement)

    return set_agreements


@pytest.fixture
def early(tiny: Recipe) -> Recipe:
    """The tiny recipe, rated after an eighth of its steps."""
    return replace(tiny, distill=replace(tiny.distill, stop_at=0.125))


def stop_at(folder: RunFolder) -> float:
    return float(folder.load_settings()["distill"]["stop_at"])


def test_moments_are_doubled_until_two_agree_and_the_run_keeps_the_last(
    early: Recipe, copy: RunFolder, agree: Agree
) -> None:
    agree(0.3, 0.85)
    found = settle(early, copy, Reporter())
    assert [one.stop_at for one in found.moments] == [0.125, 0.25, 0.5]
    assert [one.agreement and one.agreement.value for one in found.moments] == [None, 0.3, 0.85]
    assert (found.is_settled, found.score) == (True, "relative_l1")
    assert stop_at(copy) == 0.5
    steps = [json.loads(copy.record.read_text())["stages"][stage]["facts"] for stage in ("distill", "rate")]
    assert steps[0]["steps"] == 10  # half of 21
    kept, now = (RatingTable.load(path) for path in (copy.rating_at(1, 0.5), copy.rating(1)))
    assert np.array_equal(kept.mean(), now.mean())


def test_scores_that_never_agree_are_not_settled_at_the_latest_moment(
    early: Recipe, copy: RunFolder, agree: Agree
) -> None:
    agree(0.1, 0.79)
    found = settle(early, copy, Reporter(), latest=0.4)
    assert [one.stop_at for one in found.moments] == [0.125, 0.25, 0.4]
    assert not found.is_settled
    agree(0.9)
    assert settle(early, copy, Reporter(), latest=0.8).moments[-1] == Moment(0.8, Estimate(0.9, (0.8, 1.0)))


def test_an_interrupted_call_goes_on_and_a_finished_one_is_repeated_from_its_record(
    early: Recipe, copy: RunFolder, agree: Agree, monkeypatch: pytest.MonkeyPatch
) -> None:
    agree(0.5, 0.9)
    real, asked = module.run_recipe, list[float]()

    def run(recipe: Recipe, *rest: Any, **others: Any) -> Any:
        asked.append(recipe.distill.stop_at)
        if len(asked) == 2:
            raise Interrupted("stopped; everything so far is saved")
        return real(recipe, *rest, **others)

    monkeypatch.setattr(module, "run_recipe", run)
    with pytest.raises(Interrupted):
        settle(early, copy, Reporter())
    found = settle(early, copy, Reporter())
    assert asked == [0.125, 0.25, 0.25, 0.5, 0.5]  # the last makes sure that the run is at the last moment
    real(early, copy, Reporter(), until="rate")  # the run goes back
    assert settle(early, copy, Reporter()) == found
    assert stop_at(copy) == 0.5


def test_moments_of_other_settings_do_not_count(early: Recipe, copy: RunFolder, agree: Agree) -> None:
    agree(0.9)
    settle(early, copy, Reporter())
    agree(0.2, 0.95)
    other = replace(early, distill=replace(early.distill, lr=0.01))
    assert [one.stop_at for one in settle(other, copy, Reporter()).moments] == [0.125, 0.25, 0.5]
    agree(0.9)
    assert [one.stop_at for one in settle(other, copy, Reporter(), first=0.3).moments] == [0.3, 0.6]


def test_the_score_is_the_first_learned_one_that_searches_add_up(tiny: Recipe) -> None:
    assert learned_score(tiny) == "relative_l1"
    proxies = replace(tiny.proxies, num_networks=3)
    assert learned_score(replace(tiny, proxies=proxies, scores=("naswot", "task_kl", "relative_l1"))) == "task_kl"


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ({"enough": 1.0}, "--enough is a correlation, between 0 and 1, not 1"),
        ({"latest": 1.5}, "--latest is a fraction of all steps of distillation, above 0 and at most 1, not 1.5"),
        (
            {"latest": 0.1},
            "the first moment, 0.125 of all steps, must be above 0 and before the latest, 0.1; give an earlier",
        ),
        ({"first": 1.0}, "the first moment, 1 of all steps, .* for example --first 0.125"),
    ],
)
def test_numbers_that_leave_no_two_moments_are_told_before_anything_is_trained(
    early: Recipe, tmp_path: Path, numbers: dict[str, float], words: str
) -> None:
    folder = RunFolder(tmp_path / "none")
    with pytest.raises(ConfigError, match=words):
        settle(early, folder, Reporter(), **numbers)
    assert not folder.path.exists()


def test_a_progressive_distillation_has_no_early_moment(tiny: Recipe, tmp_path: Path) -> None:
    progressive = replace(tiny, distill=replace(tiny.distill, strategy="progressive-a"))
    with pytest.raises(ConfigError, match="cannot be rated before its end"):
        settle(progressive, RunFolder(tmp_path / "none"), Reporter(), first=0.25)
