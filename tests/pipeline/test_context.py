"""What the stages of a run share: opened once, from the recipe or the folder."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from torch import nn

from helixnas.artifacts.run_folder import RunFolder
from helixnas.engine.progress import Reporter
from helixnas.errors import ArtifactError, ConfigError, HelixError
from helixnas.nn import load_saved_weights, save_weights
from helixnas.pipeline.context import Context, image_size, import_extensions, labelled_for
from helixnas.pipeline.recipe import Recipe


@pytest.fixture
def context(tiny: Recipe, tmp_path: Path) -> Context:
    return Context(tiny, RunFolder(tmp_path / "run"), Reporter())


def test_the_image_size_is_the_recipes_else_the_teachers(tiny: Recipe) -> None:
    assert image_size(tiny) == 8
    open_size = replace(tiny, data=replace(tiny.data, image_size=0))
    named = replace(open_size, teacher=replace(tiny.teacher, model="tf_efficientnet_b1", model_args={}))
    assert image_size(named) == 240


def test_the_number_of_classes_is_the_datas_else_the_teachers(context: Context) -> None:
    values: Any = vars(context)
    values.update(data=SimpleNamespace(num_classes=0), teacher=SimpleNamespace(num_classes=7))
    assert context.num_classes == 7
    values["data"].num_classes = 3
    assert context.num_classes == 3


@pytest.mark.parametrize(
    ("known", "wanted", "labels"),
    [
        (("dog", "cat", "bird"), ("bird", "cat", "dog"), [2, 1, 0]),
        (("a", "b", "c", "d"), ("d", "a", "b"), [3, 0, 1]),
        ((), ("a", "b", "c"), [0, 1, 2]),  # as many outputs, without names
        (("cat", "dog", "fox"), ("cat", "dog", "cow"), None),
        (("cat", "dog"), ("cat", "dog", "cow"), None),
    ],
)
def test_images_get_the_labels_of_the_teachers_classes_by_name(
    known: tuple[str, ...], wanted: tuple[str, ...], labels: list[int] | None, in_memory: Any, two_convolutions: Any
) -> None:
    teacher = two_convolutions(len(known) or 3)
    teacher.model.num_classes, teacher.model.pretrained_cfg = teacher.num_classes, {"label_names": known}
    images = replace(in_memory(np.zeros((3, 4, 4, 3), np.uint8), np.arange(3)), class_names=wanted)
    found = labelled_for(teacher, images).labels
    assert (None if found is None else found.tolist()) == labels


def test_networks_are_opened_once_and_forgotten_on_request(context: Context) -> None:
    assert context.space is context.space
    values: Any = vars(context)
    values.update(teacher="a teacher", supernet="a supernet", image_size=8)
    context.forget()
    assert not {"teacher", "supernet"}.intersection(values)
    assert "image_size" in values
    context.forget()  # nothing is there to forget


def test_a_precision_that_the_recipe_leaves_open_is_reported(tiny: Recipe, tmp_path: Path, listener: Any) -> None:
    recipe = replace(tiny, runtime=replace(tiny.runtime, device="cpu", precision="auto"))
    runtime = Context(recipe, RunFolder(tmp_path), listener).runtime
    assert listener.said == [f"computing in {runtime.precision} on cpu"]


def test_a_damaged_block_of_the_supernet_is_named(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    class Block(nn.Module):
        number = 1

        def load_state_dict(self, *words: object, **options: object) -> Any:
            raise RuntimeError("size mismatch")

    monkeypatch.setattr(context, "new_supernet", lambda: [Block()])
    monkeypatch.setattr("helixnas.pipeline.context.load_saved_weights", lambda path: {})
    with pytest.raises(ArtifactError, match=r"block-1\.safetensors is truncated or damaged \(size mismatch\)"):
        _ = context.supernet


def test_a_block_of_the_supernet_with_values_that_are_not_finite_is_named(tiny: Recipe, copy: RunFolder) -> None:
    weights = load_saved_weights(copy.supernet_block(2))
    name = next(iter(weights))
    save_weights(copy.supernet_block(2), {**weights, name: weights[name] * float("nan")})
    with pytest.raises(ArtifactError, match=rf"block-2\.safetensors is .*it holds NaN or infinite values in {name} "):
        _ = Context(tiny, copy, Reporter()).supernet


def test_unknown_modules_and_optimizers_are_reported_before_any_work(tiny: Recipe) -> None:
    with pytest.raises(HelixError, match="no_such_module"):
        import_extensions(replace(tiny, imports=("no_such_module",)))
    retrain = tiny.retraining
    odd = replace(tiny, retrain=replace(retrain, fit=replace(retrain.fit, optimizer="adamm")))
    with pytest.raises((ConfigError, HelixError), match="unknown optimizer 'adamm'"):
        import_extensions(odd)
