"""DNA++ in small: two blocks of a random teacher and of a supernet learn from each other."""

import copy
import re
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch

from helixnas.data import ImageSet
from helixnas.distill import (
    Distillation,
    DistillConfig,
    ProjectorConfig,
    SelfSupervisedObjective,
    StepRecord,
    VicregConfig,
    build_heads,
    build_self_supervised,
)
from helixnas.distill.config import CollapseConfig
from helixnas.distill.self_supervised import watch_embeddings
from helixnas.distill.vicreg import vicreg_terms
from helixnas.engine import Runtime, load_checkpoint, save_checkpoint
from helixnas.errors import CollapseError, ConfigError, NonFiniteLossError
from helixnas.space import SearchSpace, vit
from helixnas.supernet import Region, SlimmableCells, SupernetBlock, SupernetConfig, build_supernet, view_of
from helixnas.teacher import Teacher

Make = Callable[..., Distillation]
PROJECTOR = ProjectorConfig(expansion=16, widths=(12, 10))


@pytest.fixture
def joint(space: SearchSpace, learner: Teacher, images: ImageSet, runtime: Runtime) -> Make:
    """Return a function that makes the joint training of a fresh copy of everything; keywords are settings."""

    def make(
        seed: int = 0, *, shape: SearchSpace = space, shared: SupernetConfig | None = None, **settings: Any
    ) -> Distillation:
        config = DistillConfig(**{"num_epochs": 3, "batch_size": 8, "projector": PROJECTOR, **settings})
        teacher = runtime.place(copy.deepcopy(learner))
        built = build_supernet(shape, teacher.widths, config=shared or SupernetConfig(), seed=0)
        supernet = runtime.place(built)
        varied = images.with_augmentation("flip-crop")
        return build_self_supervised(teacher, supernet, varied, config=config, runtime=runtime, seed=seed)

    return make


SLICED: dict[str, Any] = {
    "shape": vit(
        dimensions=(8, 12),
        head_dim=4,
        mlp_ratios=(1, 2),
        layers=(1, 2),
        strides=(1, 2),
        patch=2,
        image_size=8,
        stem_width=8,
    ),
    "shared": SupernetConfig(slimmable=True, slices="two-sided"),
}
"""A space of transformers whose cells of one depth share their weights, slices from either end."""


def state(job: Distillation) -> dict[str, torch.Tensor]:
    assert job.learner is not None
    found = {f"teacher.{name}": value.clone() for name, value in job.learner.state_dict().items()}
    for unit in job.units:
        found |= {f"{unit.block}.{name}": value.clone() for name, value in unit.module.state_dict().items()}
    return found


def changed(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> set[str]:
    return {name for name in first if not torch.equal(first[name], second[name])}


def test_one_unit_per_block_trains_all_its_cells_both_heads_and_the_teachers_block(joint: Make) -> None:
    job = joint(sampling="strict-fair", lr=0.01)
    assert [(unit.block, unit.index) for unit in job.units] == [(1, 0), (2, 0)]
    before = state(job)
    next(iter(job))
    trained = changed(before, state(job))
    still = {name for name in before.keys() - trained if ".cells." not in name and not name.endswith("num_noisy")}
    assert still == {"teacher.4.weight", "teacher.4.bias"}  # the teacher's classifier
    for cell in ("1.cells.cells.0.", "1.cells.cells.1.", "2.cells.cells.0."):
        assert any(name.startswith(cell) for name in trained)


def test_the_loss_falls_and_the_loop_names_it_by_block(joint: Make) -> None:
    losses = [record.losses for record in joint(num_epochs=12, lr=0.01, first_block_lr=0.01)]
    assert all(set(each) == {(1, 0), (2, 0)} for each in losses)
    for key in losses[0]:
        assert sum(each[key] for each in losses[-6:]) < sum(each[key] for each in losses[:6])


def test_nothing_flows_from_a_block_to_the_one_before(joint: Make, runtime: Runtime) -> None:
    job = joint()
    (_, second), teacher = job.units, job.learner
    assert teacher is not None
    views = next(job.source.batches(0, 1))
    second.accumulate(job.source.features(views), second.draw(0), runtime=runtime)
    assert all(p.grad is None for p in teacher.get_submodule("0").parameters())
    assert all(p.grad is None for p in job.units[0].module.parameters())
    for part in (teacher.get_submodule("1"), *(second.module[name] for name in ("heads",))):
        assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in part.parameters() if p.ndim > 1)


def test_the_loss_is_that_of_both_directions_with_views_swapped(learner: Teacher, runtime: Runtime) -> None:
    heads = build_heads(8, 2, config=PROJECTOR, seed=0)
    objective = SelfSupervisedObjective(2, heads, config=VicregConfig())
    views = [learner.features(torch.rand(8, 3, 8, 8, generator=torch.Generator().manual_seed(i))) for i in (0, 1)]
    student = torch.nn.Conv2d(6, 8, 3, 2, 1)
    (loss,) = objective([student], views)
    (_, first_in, first_out), (_, second_in, second_out) = views
    pairs = ((first_in, second_out), (second_in, first_out))
    expected = [
        vicreg_terms(heads.teacher(target), heads.student(student(source)), config=VicregConfig()).total(VicregConfig())
        for source, target in pairs
    ]
    torch.testing.assert_close(loss, (expected[0] + expected[1]) / 2)


def test_several_students_share_the_heads_and_their_losses_are_summed(learner: Teacher) -> None:
    heads = build_heads(8, 2, config=PROJECTOR, seed=0)
    objective = SelfSupervisedObjective(2, heads, config=VicregConfig())
    views = [learner.features(torch.rand(8, 3, 8, 8)) for _ in range(2)]
    students = [torch.nn.Conv2d(6, 8, 3, 2, 1) for _ in range(2)]
    (together,) = objective(students, views)
    alone = [next(objective([student], views)) for student in students]
    torch.testing.assert_close(together, alone[0] + alone[1])


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"optimizer": "lars"},
        {"projector": ProjectorConfig(widths=(8,), noise=0.25)},
        {**SLICED, "sampling": "sandwich"},
        {**SLICED, "optimizer": "lars"},
    ],
)
def test_a_resumed_run_equals_the_uninterrupted_one_bit_for_bit(
    joint: Make, tmp_path: Path, settings: dict[str, Any]
) -> None:
    whole, begun, resumed = joint(**settings), joint(**settings), joint(**settings)
    records = list(whole)
    head = list(islice(begun, 4))
    save_checkpoint(tmp_path / "state.pt", begun.state())
    resumed.restore(load_checkpoint(tmp_path / "state.pt", torch.device("cpu")))
    assert [*head, *resumed] == records
    assert changed(state(whole), state(resumed)) == set()


def test_the_sides_of_a_block_and_blocks_of_a_seed_have_heads_of_their_own() -> None:
    first, second = build_heads(6, 1, config=PROJECTOR, seed=0), build_heads(6, 2, config=PROJECTOR, seed=0)
    weights = [side.project[-1].weight for heads in (first, second) for side in (heads.teacher, heads.student)]
    assert len({float(weight.detach().sum()) for weight in weights}) == 4
    again = build_heads(6, 1, config=PROJECTOR, seed=0)
    assert torch.equal(again.teacher.project[-1].weight, weights[0])


def test_last_embeddings_have_no_gradients(joint: Make) -> None:
    job = joint()
    next(iter(job))
    objective = job.units[0].objective
    assert isinstance(objective, SelfSupervisedObjective)
    assert objective.last is not None
    assert [len(side) for side in objective.last] == [1, 2]  # two cells
    assert all(each.shape == (8, 10) and not each.requires_grad for side in objective.last for each in side)


def test_signs_of_collapse_come_at_intervals_and_in_the_last_step(joint: Make) -> None:
    job = joint(collapse=CollapseConfig(every=4, min_rank_share=0.0))
    records = list(job)
    assert [record.step for record in records if record.signs] == [4, 8, 9]
    assert {name.rsplit(" ", 1)[0] for name in records[-1].signs if name.endswith("spread")} == {
        f"block {block} {side}" for block in (1, 2) for side in ("teacher", "student")
    }
    assert job.signs == records[-1].signs


def test_the_collapse_of_one_block_ends_the_training_at_once(joint: Make) -> None:
    job, records = joint(num_epochs=4, collapse=CollapseConfig(every=3)), list[StepRecord]()
    second = job.units[1].watch
    job.units[1].watch = lambda step, is_last: replace(second(step, is_last), failure="") if second else None  # type: ignore
    with torch.no_grad():
        job.units[0].module.get_submodule("heads.teacher.project")[-1].weight.zero_()
    with pytest.raises(CollapseError) as caught:
        records.extend(job)
    assert re.match(
        r"the embeddings of block 1's .* have collapsed in step 3: their mean standard deviation is", str(caught.value)
    )
    assert "training stops, because a teacher that learns needs all its blocks; try a larger" in str(caught.value)
    assert [len(record.losses) for record in records] == [2] * 2
    assert job.step == 3
    assert len(job.signs) == 12


def test_a_loss_that_is_not_finite_ends_the_training_at_once(joint: Make) -> None:
    job = joint(num_epochs=4)
    steps = iter(job)
    next(steps)
    with torch.no_grad():
        job.units[1].module.get_submodule("heads.teacher.project")[-1].weight.fill_(float("nan"))
    with pytest.raises(NonFiniteLossError, match="the loss of block 2 is nan in step 2.*; training stops, because"):
        next(steps)


def test_the_paths_of_every_cell_are_watched(learner: Teacher) -> None:
    heads = build_heads(8, 2, config=PROJECTOR, seed=0)
    objective = SelfSupervisedObjective(2, heads, config=VicregConfig())
    views = [learner.features(torch.rand(8, 3, 8, 8)) for _ in range(2)]
    healthy, constant = torch.nn.Conv2d(6, 8, 3, 2, 1), torch.nn.Conv2d(6, 8, 3, 2, 1)
    torch.nn.init.zeros_(constant.weight)
    for students in ([constant, healthy], [healthy, constant]):
        list(objective(students, views))
        health = watch_embeddings(objective, CollapseConfig(every=1), 1, False)
        number = students.index(constant) + 1
        assert f"block 2's student side (path {number} of 2) have collapsed in step 1: their mean" in health.failure
        assert health.signs["block 2 student spread"] < 0.001 < health.signs["block 2 teacher spread"]


@pytest.mark.slow
def test_a_loss_without_eq_11_collapses_and_is_stopped_with_it_it_is_not(joint: Make) -> None:
    fast = {"num_epochs": 20, "lr": 0.03, "first_block_lr": 0.03, "collapse": CollapseConfig(min_rank_share=0.0)}
    list(joint(**fast))
    with pytest.raises(CollapseError, match="mean standard deviation is"):
        list(joint(**fast, vicreg=VicregConfig(lambda_2=0.0, lambda_3=0.0)))


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["adam", "adamw", "lars"])
@pytest.mark.parametrize("sampling", ["uniform", "strict-fair", "sandwich"])
def test_a_step_changes_no_bit_outside_the_slices_it_draws(joint: Make, sampling: str, optimizer: str) -> None:
    job = joint(**SLICED, sampling=sampling, optimizer=optimizer, weight_decay=0.1, num_random=1, num_epochs=4)
    steps, outside = iter(job), 0
    for step in range(6):
        before = [{each: each.detach().clone() for each in unit.module.parameters()} for unit in job.units]
        next(steps)
        for unit, old in zip(job.units, before, strict=True):
            block = unit.module.get_submodule("cells")
            assert isinstance(block, SupernetBlock)
            used = regions(block, unit.draw(step))
            for parameter in block.parameters():
                inside = torch.zeros_like(parameter, dtype=torch.bool)
                for region in used.get(parameter, []):
                    view_of(inside, region).fill_(True)
                assert torch.equal(old[parameter][~inside], parameter[~inside])
                outside += int((~inside).sum())
            if step > 0:  # LARS begins at a rate of 0
                for parameter in unit.module.get_submodule("heads").parameters():
                    assert not torch.equal(old[parameter], parameter)
    assert outside > 0


def regions(block: SupernetBlock, draws: Any) -> dict[torch.nn.Parameter, list[Region]]:
    """Return what the drawn paths use of every parameter."""
    used: dict[torch.nn.Parameter, list[Region]] = {}
    for draw in draws:
        part = block.part_of(draw.path)
        assert isinstance(part, SlimmableCells)
        for parameter, region in part.slices(draw.path, draw.previous_width, draw.suffix):
            used.setdefault(parameter, []).append(region)
    return used


def test_cells_that_share_weights_draw_what_they_would_draw_under_a_fixed_teacher(joint: Make) -> None:
    job = joint(**SLICED, sampling="sandwich", num_random=2)
    draws = job.units[1].draw(3)
    assert [draw.path.depth for draw in draws] == [1] * 4 + [2] * 4
    assert [draw.path.text for draw in draws[:2]] == ["12:attn_r2", "8:attn_r1"]
    assert any(draw.suffix for step in range(9) for draw in job.units[1].draw(step))


def test_sandwich_is_refused_for_cells_with_weights_of_their_own(joint: Make) -> None:
    with pytest.raises(ConfigError, match=r"distill.sampling=sandwich needs supernet.slimmable=true"):
        joint(sampling="sandwich")
