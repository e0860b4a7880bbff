"""Networks trained from scratch and from what they inherit, side by side, with every way of training."""

import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from helixnas.artifacts.files import read_json
from helixnas.artifacts.run_folder import RunFolder
from helixnas.cli.settings import read_training
from helixnas.cli.shipped import shipped_recipes
from helixnas.engine import FitConfig
from helixnas.engine.progress import Reporter
from helixnas.errors import ConfigError, Interrupted
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.run import run_recipe, run_stage
from helixnas.pipeline.work.retrain import _objective  # pyright: ignore[reportPrivateUsage]
from helixnas.retrain import RetrainConfig, load_model
from helixnas.teacher import Teacher

Digests = Callable[[Path], dict[str, str]]
StoppedAfter = Callable[[int], AbstractContextManager[None]]


def retrained(recipe: Recipe, folder: RunFolder, **settings: Any) -> dict[str, Any]:
    """Retrain with other settings and return the metrics."""
    assert recipe.retrain is not None
    changed = replace(recipe, retrain=replace(recipe.retrain, **settings))
    run_stage(changed, folder, Reporter(), verb="retrain", name=None)
    place = folder.inherited if settings.get("init") == "inherited" else folder.retrained
    return read_json(place("small") / "metrics.json")


def test_a_network_that_inherits_lies_beside_the_one_from_scratch(
    copy: RunFolder, tiny: Recipe, digests: Digests
) -> None:
    before = digests(copy.path)
    metrics = retrained(tiny, copy, init="inherited")
    after = digests(copy.path)
    assert {name: after[name] for name in before} == before
    assert {name for name in after if name not in before} == {
        "history/inherit-small.parquet",
        *(f"searches/small/inherited/{name}" for name in (
            "architecture.json", "input.json", "metrics.json", "model.safetensors",
        )),
    }  # fmt: skip
    assert {"retrain:small", "inherit:small"} <= set(copy.load_record().stages)
    assert not list(copy.path.glob("checkpoints/*"))
    assert (metrics["epochs"], len(metrics["accuracy_by_epoch"])) == (1, 1)
    assert 0 <= metrics["accuracy_of_head"] <= 1
    found, scratch = load_model(copy.inherited("small")), load_model(copy.retrained("small"))
    assert found.architecture == scratch.architecture
    assert not torch.equal(found.stem[0][0].conv.weight, scratch.stem[0][0].conv.weight)  # type: ignore[index, union-attr]


def test_inheriting_is_not_done_twice_and_the_recipe_keeps_its_own_way(
    copy: RunFolder, tiny: Recipe, listener: Any
) -> None:
    retrained(tiny, copy, init="inherited")
    run_recipe(tiny, copy, listener, until="retrain")
    assert "retrain:small: done already" in listener.said
    assert tiny.retrain is not None
    inheriting = replace(tiny, retrain=replace(tiny.retrain, init="inherited"))
    run_recipe(inheriting, copy, listener, until="retrain")
    assert listener.said[-1] == "inherit:small: done already"


@pytest.mark.slow
@pytest.mark.parametrize("steps", [3, 25])
def test_inheriting_that_was_stopped_goes_on_to_the_same_model(
    copy: RunFolder, tiny: Recipe, tmp_path: Path, digests: Digests, stopped_after: StoppedAfter, steps: int
) -> None:
    shutil.copytree(copy.path, tmp_path / "whole")
    whole = RunFolder(tmp_path / "whole")
    retrained(tiny, whole, init="inherited")
    with stopped_after(steps), pytest.raises(Interrupted):
        retrained(tiny, copy, init="inherited")
    assert list(copy.path.glob("checkpoints/*"))
    retrained(tiny, copy, init="inherited")
    assert digests(copy.path) == digests(whole.path)


@pytest.mark.slow
@pytest.mark.parametrize("name", shipped_recipes("retraining recipe"))
def test_every_retraining_recipe_runs_small(copy: RunFolder, tiny: Recipe, name: str) -> None:
    config: RetrainConfig = read_training(name, RetrainConfig, "retraining recipe")
    part = 32 if config.fit.microbatch_size else 0
    fit = replace(config.fit, num_epochs=2, batch_size=64, microbatch_size=part, warmup_epochs=1.0)
    metrics = retrained(replace(tiny, retrain=replace(config, fit=fit)), copy)
    assert metrics["epochs"] == len(metrics["accuracy_by_epoch"]) == 2
    assert ("raw_accuracy" in metrics) == (config.fit.ema_decay > 0)


def test_the_average_is_the_model_and_the_raw_weights_are_evaluated_beside_it(copy: RunFolder, tiny: Recipe) -> None:
    assert tiny.retrain is not None
    plain = load_model(copy.retrained("small")).state_dict()
    before = read_json(copy.retrained("small") / "metrics.json")
    metrics = retrained(tiny, copy, fit=replace(tiny.retrain.fit, ema_decay=0.9))
    assert (metrics["raw_accuracy"], metrics["raw_loss"]) == (before["accuracy"], before["loss"])
    averaged = load_model(copy.retrained("small")).state_dict()
    assert not torch.equal(averaged["classifier.weight"], plain["classifier.weight"])


@pytest.mark.parametrize("teach", ["soft", "hard"])
def test_the_teacher_teaches_the_whole_network(copy: RunFolder, tiny: Recipe, teach: str) -> None:
    plain = load_model(copy.retrained("small")).state_dict()
    retrained(tiny, copy, teach=teach, temperature=2.0)
    taught = load_model(copy.retrained("small")).state_dict()
    assert not torch.equal(taught["classifier.weight"], plain["classifier.weight"])


def test_a_supernet_whose_weights_cannot_be_inherited_is_an_error_before_anything_is_done(tiny: Recipe) -> None:
    assert tiny.retrain is not None
    inheriting = replace(tiny.retrain, init="inherited")
    with pytest.raises(ConfigError, match=r"only with supernet.interface=adapter: .*; set retrain.init to scratch"):
        replace(tiny, supernet=replace(tiny.supernet, interface="widen"), retrain=inheriting)


def test_a_batch_larger_than_the_data_is_an_error_before_anything_is_done(tiny: Recipe, tmp_path: Path) -> None:
    assert tiny.retrain is not None
    large = replace(tiny, retrain=replace(tiny.retrain, fit=FitConfig(batch_size=4096)))
    with pytest.raises(ConfigError, match="retrain.fit.batch_size is 4,096, but there are only 1,378 training images"):
        run_recipe(large, RunFolder(tmp_path / "run"), Reporter())
    assert not list((tmp_path / "run").glob("teacher/*"))


def test_a_teacher_of_other_classes_is_an_error_before_the_supernet_is_distilled(
    copy: RunFolder, tiny: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert tiny.retrain is not None
    taught = replace(tiny, retrain=replace(tiny.retrain, teach="soft"), distill=replace(tiny.distill, num_epochs=2))
    monkeypatch.setattr(Teacher, "num_classes", 1000, raising=False)
    monkeypatch.setattr(Teacher, "__setattr__", without_classes)
    with pytest.raises(ConfigError, match="the teacher predicts 1,000 classes and the network 10"):
        run_recipe(taught, copy, Reporter())
    assert "distill" not in copy.load_record().stages


def without_classes(self: Teacher, name: str, value: Any) -> None:
    if name != "num_classes":
        torch.nn.Module.__setattr__(self, name, value)


def test_the_teacher_teaches_the_images_classes_by_name(undistilled: Any) -> None:
    model = undistilled.teacher.model
    model.num_classes, model.pretrained_cfg = 3, {"label_names": ("c", "a", "b")}
    undistilled.recipe = replace(undistilled.recipe, retrain=RetrainConfig(teach="hard", teach_share=1.0))
    images = torch.rand(4, 3, 8, 8)
    objective = _objective(undistilled)
    assert objective is not None
    taught = undistilled.teacher(images)[:, [1, 2, 0]].argmax(1)  # a, b, c
    logits = 100.0 * torch.nn.functional.one_hot(taught, 3)
    assert objective(logits, torch.tensor(9.0), images).item() == pytest.approx(0, abs=1e-6)
    assert objective(logits.roll(1, 1), torch.tensor(9.0), images).item() > 50
