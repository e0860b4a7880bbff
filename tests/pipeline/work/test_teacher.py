"""A teacher with the weights of somebody's training, in the forms that people have; the record says how they were read."""

from argparse import Namespace
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from torch import Tensor

from helixnas.artifacts.run_folder import RunFolder
from helixnas.engine.progress import Reporter
from helixnas.errors import TeacherError
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.run import run_recipe
from helixnas.teacher import load_teacher


def trained(recipe: Recipe) -> dict[str, Tensor]:
    torch.manual_seed(1)
    return timm.create_model(recipe.teacher.model, **recipe.teacher.model_args, num_classes=10).state_dict()


def under(prefix: str, state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}{name}": tensor for name, tensor in state.items()}


FORMS: dict[str, tuple[Any, str]] = {
    "ddp.pt": (
        lambda state: {"epoch": 3, "state_dict": under("module.", state)},
        "(inside 'state_dict', prefix 'module.' removed; 38 of 38 tensors)",
    ),
    "lightning.ckpt": (
        lambda state: {
            "pytorch-lightning_version": "2.5",
            "hyper_parameters": {"lr": 0.1},
            "state_dict": {**under("model.", state), "loss.weight": torch.ones(10)},
        },
        "(inside 'state_dict', prefix 'model.' removed; 38 of 39 tensors, others such as 'loss.weight' unused)",
    ),
    "model_best.pth.tar": (
        lambda state: {
            "args": Namespace(model="small_resnet", output=Path("runs")),
            "state_dict": state,
            "state_dict_ema": {name: tensor + 1 for name, tensor in state.items()},
        },
        "(inside 'state_dict'; 38 of 38 tensors)",
    ),
    "average.pth": (
        lambda state: {"model_ema": under("module.", state)},
        "(inside 'model_ema', prefix 'module.' removed; 38 of 38 tensors)",
    ),
}
"""By the name of the file: how a training writes its weights, and what the run says about them."""


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMS)
def test_wrapped_weights_become_the_teacher_and_the_run_says_how_they_fitted(
    name: str, tiny: Recipe, listener: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    state, (wrap, said) = trained(tiny), FORMS[name]
    torch.save(wrap(state), name)
    recipe, folder = replace(tiny, teacher=replace(tiny.teacher, weights=name)), RunFolder(tmp_path / "run")
    record = run_recipe(recipe, folder, listener, until="report" if name == "ddp.pt" else "teacher")
    teacher = load_teacher(folder.teacher).model.state_dict()
    assert all(torch.equal(teacher[each], tensor) for each, tensor in state.items())
    assert record.stages["teacher"].facts["weights"] == f"{name} {said}"
    assert sum(f"weights {name} {said}, " in line for line in listener.said) == 1


def test_a_teacher_that_the_run_trains_has_no_source_of_weights(finished: RunFolder) -> None:
    assert "weights" not in finished.load_record().stages["teacher"].facts


def test_an_exported_program_is_refused_with_the_true_reason(tiny: Recipe, tmp_path: Path) -> None:
    program = torch.export.export(torch.nn.Linear(1, 1), (torch.zeros(2, 1),))
    torch.export.save(program, tmp_path / "w.pt2")
    recipe = replace(tiny, teacher=replace(tiny.teacher, weights=str(tmp_path / "w.pt2")))
    with pytest.raises(TeacherError, match=r"w.pt2 is a program of torch.export \(.pt2\), which is not read; save its"):
        run_recipe(recipe, RunFolder(tmp_path / "run"), Reporter(), until="teacher")
