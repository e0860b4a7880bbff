"""The memory that distillation is estimated to need: closed forms, and what autograd saves in a real step."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from helixnas.artifacts.run_folder import RunFolder
from helixnas.distill import ProjectorConfig, build_self_supervised
from helixnas.engine import Runtime
from helixnas.engine.progress import Reporter
from helixnas.nn import count_params
from helixnas.pipeline.context import Context
from helixnas.pipeline.estimate import sketch
from helixnas.pipeline.memory import COPIES, FLOAT, distill_bytes, saved_bytes
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.run import run_recipe


def test_memory_is_that_of_weights_and_of_a_batch_in_proportion_to_its_size(tiny: Recipe) -> None:
    drawn = sketch(tiny)

    def of(batch_size: int) -> int:
        return distill_bytes(drawn, replace(tiny, distill=replace(tiny.distill, batch_size=batch_size)))

    weights = count_params(drawn.supernet) * FLOAT * COPIES["adam"] + count_params(drawn.teacher.model) * 4
    per_image = of(2) - of(1)
    assert per_image > 0
    assert of(64) == weights + 64 * per_image


def test_progressive_distillation_holds_the_graphs_of_all_blocks(tiny: Recipe) -> None:
    drawn = sketch(tiny)
    progressive = replace(tiny, distill=replace(tiny.distill, strategy="progressive-a"))
    assert distill_bytes(drawn, progressive) > distill_bytes(drawn, tiny)


@pytest.fixture
def joint(tiny: Recipe) -> Recipe:
    """Return the recipe with a teacher that learns."""
    distill = replace(
        tiny.distill,
        objective="self-supervised",
        batch_size=128,
        projector=ProjectorConfig(expansion=32, widths=(32, 16)),
    )
    rating = replace(tiny.rating, scores=("embedding_distance",))
    return replace(tiny, distill=distill, rating=rating)


def test_a_memory_that_is_saved_twice_counts_once_and_weights_do_not_count() -> None:
    weight = torch.nn.Parameter(torch.ones(3))
    features = torch.zeros(5, 3)
    assert saved_bytes(lambda: weight * features + weight[:1] * features)[0] == 4 * 15


@pytest.mark.slow
def test_a_teacher_that_learns_needs_its_graph_and_those_of_all_drawn_paths_and_heads(joint: Recipe) -> None:
    plain = replace(
        joint,
        distill=replace(joint.distill, objective="features"),
        rating=replace(joint.rating, scores=("relative_l1",)),
    )
    assert distill_bytes(sketch(joint), joint) > 2 * distill_bytes(sketch(plain), plain)
    wider = replace(joint, distill=replace(joint.distill, projector=ProjectorConfig(expansion=256, widths=(32, 16))))
    assert distill_bytes(sketch(wider), wider) > 1.2 * distill_bytes(sketch(joint), joint)
    lars = replace(joint, distill=replace(joint.distill, optimizer="lars", num_epochs=2))
    assert distill_bytes(sketch(lars), lars) < distill_bytes(sketch(joint), joint)


def test_the_estimate_is_near_what_autograd_saves_in_a_step(joint: Recipe, tmp_path: Path, runtime: Runtime) -> None:
    folder = RunFolder(tmp_path / "run")
    run_recipe(joint, folder, Reporter(), until="teacher")
    context = Context(joint, folder, Reporter())
    teacher = context.load_learner()
    config = joint.distill
    job = build_self_supervised(
        teacher, context.new_supernet(teacher), context.data.train, config=config, runtime=runtime, seed=0
    )
    views = next(job.source.batches(0, 1))

    def losses() -> Tensor:
        given = job.source.features(views)
        unit = job.units[0]
        students = [lambda y, draw=draw: unit.forward(y, *draw.arguments) for draw in unit.draw(0)]
        return next(iter(unit.objective(students, given)))

    found = saved_bytes(losses)[0]
    weights = (
        FLOAT
        * COPIES["adam"]
        * sum(count_params(each) for each in (teacher.model, *(unit.module for unit in job.units)))
    )
    estimated = distill_bytes(sketch(joint), joint) - weights
    assert 0.8 * found < estimated < 1.6 * found
