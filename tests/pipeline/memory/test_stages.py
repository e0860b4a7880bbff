"""The memory of every stage: closed forms, and what a real stage holds."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
import torch

from helixnas.calibration.config import CalibrationConfig
from helixnas.engine.config import FitConfig
from helixnas.nn import count_params
from helixnas.pipeline.estimate import sketch
from helixnas.pipeline.memory.need import Need
from helixnas.pipeline.memory.stages import needs_of
from helixnas.pipeline.recipe import Recipe
from helixnas.proxies.config import ProxiesConfig
from helixnas.zoo import HelixNet

ALL = ("teacher", "distill", "rate", "proxies", "stitch", "calibrate", "retrain", "inherit")


def by_stage(recipe: Recipe) -> Mapping[str, Need]:
    return {need.stage: need for need in needs_of(sketch(recipe, 10), recipe, ALL)}


def test_each_stage_names_the_batch_it_works_on(tiny: Recipe) -> None:
    found = by_stage(tiny)
    assert {stage: (need.setting, need.batch) for stage, need in found.items()} == {
        "teacher": ("teacher_fit.batch_size", 64),
        "distill": ("distill.batch_size", 64),
        "rate": ("rating.batch_size", 30),
        "stitch": ("stitching.batch_size", 30),
        "retrain": ("retrain.fit.batch_size", 64),
    }
    assert needs_of(sketch(tiny, 10), tiny, ("rate",)) == [found["rate"]]


def test_what_a_recipe_leaves_out_or_adds(tiny: Recipe) -> None:
    ready = replace(tiny, teacher=replace(tiny.teacher, weights="teacher.pt"))
    assert "teacher" not in by_stage(ready)
    fit = FitConfig(num_epochs=1, batch_size=64, microbatch_size=16)
    retrain = replace(tiny.retraining, fit=fit, init="inherited")
    more = replace(
        tiny,
        retrain=retrain,
        proxies=ProxiesConfig(num_networks=30),
        calibration=CalibrationConfig(num_networks=3, fit=fit),
    )
    found = by_stage(more)
    assert "retrain" not in found
    assert (found["inherit"].setting, found["inherit"].batch) == ("retrain.fit.microbatch_size", 16)
    assert (found["calibrate"].setting, found["calibrate"].batch) == ("calibration.fit.microbatch_size", 16)
    assert found["proxies"].batch == more.proxies.batch_size
    backward = replace(more, proxies=ProxiesConfig(num_networks=30, scores=("naswot", "synflow")))
    assert by_stage(backward)["proxies"].bytes.per_image > found["proxies"].bytes.per_image


def test_a_training_holds_weights_gradients_moments_and_what_the_backward_pass_reads(tiny: Recipe) -> None:
    need, drawn = by_stage(tiny)["retrain"], sketch(tiny, 10)
    largest = HelixNet(drawn.space.parse("12:mb6_k3 12:mb6_k3,mb6_k3"), num_classes=10)
    params = count_params(largest)
    states = {"sgd": 1}.get(tiny.retraining.fit.optimizer, 2)
    assert need.bytes.fixed == 4 * params * (2 + states)
    read: set[torch.UntypedStorage] = set()

    def note(tensor: torch.Tensor) -> torch.Tensor:
        if not any(tensor.data_ptr() == each.data_ptr() for each in largest.parameters()):
            read.add(tensor.untyped_storage())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        largest.train()(torch.rand(16, 3, 8, 8)).sum()
    total = sum({each.data_ptr(): each.nbytes() for each in read}.values())
    assert need.bytes.per_image * 16 == pytest.approx(total, rel=0.02)


def test_rating_holds_the_teachers_features_and_a_path(tiny: Recipe) -> None:
    drawn = sketch(tiny, 10)
    need = by_stage(tiny)["rate"]
    assert need.bytes.fixed == 4 * (count_params(drawn.teacher.model) + count_params(drawn.supernet))
    images, features = 3 * 8 * 8, 8 * 8 * 8 + 12 * 4 * 4  # the teacher has 8 and 12 channels
    path = 8 * 8 * 8 + 12 * 8 * 8  # stem and output of block 1, whose features are the largest
    assert need.bytes.per_image > 4 * (images + features + path)
