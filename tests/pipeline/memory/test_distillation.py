"""The memory that distillation is estimated to need: closed forms, and what autograd saves in a real step."""

from dataclasses import replace
from pathlib import Path

import pytest
from torch import Tensor

from helixnas.artifacts.run_folder import RunFolder
from helixnas.distill import ProjectorConfig, build_self_supervised
from helixnas.engine import Runtime
from helixnas.engine.progress import Reporter
from helixnas.nn import count_params, saved_by
from helixnas.pipeline.context import Context
from helixnas.pipeline.estimate import sketch
from helixnas.pipeline.memory.distillation import COPIES, FLOAT, distill_bytes, teacher_pass_bytes
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.run import run_recipe


def needed(recipe: Recipe) -> int:
    """Return the bytes at the batch of a recipe."""
    return distill_bytes(sketch(recipe), recipe).of(recipe.distill.batch_size)


def test_memory_is_that_of_weights_and_of_a_batch_in_proportion_to_its_size(tiny: Recipe) -> None:
    drawn = sketch(tiny)
    found = distill_bytes(drawn, tiny)
    assert found.fixed == count_params(drawn.supernet) * FLOAT * COPIES["adam"] + count_params(drawn.teacher.model) * 4
    assert found.per_image > 0


def test_a_teachers_pass_counts_where_it_holds_more_than_a_paths_graph(
    tiny: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = sketch(tiny)
    graph = distill_bytes(drawn, tiny).per_image
    assert teacher_pass_bytes(drawn) < graph
    monkeypatch.setattr("helixnas.pipeline.memory.distillation.teacher_pass_bytes", lambda drawn: 10 * graph)
    assert distill_bytes(drawn, tiny).per_image == 10 * graph


def test_progressive_distillation_holds_the_graphs_of_all_blocks(tiny: Recipe) -> None:
    progressive = replace(tiny, distill=replace(tiny.distill, strategy="progressive-a"))
    assert needed(progressive) > needed(tiny)


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


@pytest.mark.slow
def test_a_teacher_that_learns_needs_its_graph_and_those_of_all_drawn_paths_and_heads(joint: Recipe) -> None:
    plain = replace(
        joint,
        distill=replace(joint.distill, objective="features"),
        rating=replace(joint.rating, scores=("relative_l1",)),
    )
    assert needed(joint) > 2 * needed(plain)
    wider = replace(joint, distill=replace(joint.distill, projector=ProjectorConfig(expansion=256, widths=(32, 16))))
    assert needed(wider) > 1.2 * needed(joint)
    lars = replace(joint, distill=replace(joint.distill, optimizer="lars", num_epochs=2))
    assert needed(lars) < needed(joint)


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

    found = saved_by(losses)[0]
    weights = (
        FLOAT
        * COPIES["adam"]
        * sum(count_params(each) for each in (teacher.model, *(unit.module for unit in job.units)))
    )
    estimated = needed(joint) - weights
    assert 0.8 * found < estimated < 1.6 * found
