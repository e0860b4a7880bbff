"""Units of other methods, trained by the same loop: a self-supervised unit, and a unit of cells that share weights."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from helixnas.data import ImageSet
from helixnas.distill import (
    Distillation,
    DistillConfig,
    Draw,
    Features,
    FrozenTeacher,
    Student,
    TrainingUnit,
    build_units,
    feature_loss,
    feature_objective,
)
from helixnas.distill.cells import draw_cell
from helixnas.engine import Runtime, load_checkpoint, save_checkpoint
from helixnas.errors import NonFiniteLossError
from helixnas.nn import build_seeded
from helixnas.space import Path as SpacePath
from helixnas.space import SearchSpace
from helixnas.supernet import SupernetConfig, build_supernet
from helixnas.teacher import Teacher

CONFIG = DistillConfig(num_epochs=2, batch_size=8)
MakeToy = Callable[..., Distillation]


class Views:
    """Two views of each image, and the features of a teacher that is trained: a block receives detached inputs."""

    def __init__(self, single: FrozenTeacher, blocks: Sequence[nn.Module]) -> None:
        self.single = single
        self.blocks = blocks
        self.steps_per_epoch = single.steps_per_epoch

    def batches(self, start: int, end: int) -> Iterator[tuple[Tensor, ...]]:
        for (images,) in self.single.batches(start, end):
            yield images, images.flip(3)

    def features(self, views: tuple[Tensor, ...]) -> list[list[Tensor]]:
        return [self.chain(view) for view in views]

    def chain(self, view: Tensor) -> list[Tensor]:
        found = [view - 0.5]
        for block in self.blocks:
            found.append(block(found[-1].detach()))
        return found


class Agreement(nn.Module):
    """Squared distance between projections of student and teacher, views swapped, and a hinge on their spread."""

    def __init__(self, block: int, channels: int) -> None:
        super().__init__()
        self.block = block
        self.projector, self.teacher_projector = nn.Linear(channels, 4), nn.Linear(channels, 4)

    def forward(self, students: Sequence[Student], views: Sequence[Features]) -> Iterator[Tensor]:
        first, second = views
        losses = list[Tensor]()
        for received, other in ((first, second), (second, first)):
            target = self.teacher_projector(other[self.block].mean((2, 3)))
            for student in students:
                own = self.projector(student(received[self.block - 1].detach()).mean((2, 3)))
                losses.append(F.mse_loss(own, target) + sum(F.relu(1 - each.std(0)).mean() for each in (own, target)))
        yield torch.stack(losses).sum()


class SharedCells(nn.Module):
    """Cells of one block that share weights: a narrower cell is a slice of the widest."""

    def __init__(self, widest: int, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.reduce = nn.Parameter(0.3 * torch.randn(widest, channels_in, 3, 3))
        self.restore = nn.Parameter(0.3 * torch.randn(channels_out, widest, 1, 1))

    def forward(self, features: Tensor, path: SpacePath, previous_width: int) -> Tensor:
        hidden = F.relu(F.conv2d(features, self.reduce[: path.width], stride=2, padding=1))
        return F.conv2d(hidden, self.restore[:, : path.width])


def adam(module: nn.Module) -> torch.optim.Adam:
    return torch.optim.Adam(module.parameters(), lr=0.01, weight_decay=0.1)


@pytest.fixture
def self_supervised(space: SearchSpace, teacher: Teacher, images: ImageSet, runtime: Runtime) -> MakeToy:
    """Return a function that makes the loop of units that own a projector and a teacher block; two cells in block 1."""

    def make(*, blocks: tuple[int, ...] = (1, 2)) -> Distillation:
        supernet = build_supernet(space, teacher.widths, config=SupernetConfig(), seed=0)
        chain = [
            build_seeded(lambda a=a, b=b: nn.Sequential(nn.Conv2d(a, b, 3, 2, 1), nn.Tanh()), (a,))
            for a, b in ((3, 6), (6, 8))
        ]
        units = list[TrainingUnit]()
        for number in blocks:
            block, channels = supernet.block(number), teacher.widths[number - 1]
            objective = build_seeded(lambda n=number, c=channels: Agreement(n, c), (number, 7))
            module = nn.ModuleDict({"cells": block, "objective": objective, "teacher": chain[number - 1]})

            def forward(features: Tensor, path: SpacePath, width: int, block=block) -> Tensor:
                return block.cell_of(path)(features, path, width)

            def draw(step: int, block=block) -> tuple[Draw, ...]:
                cells = range(len(block.cells))
                return tuple(draw for i in cells for draw in draw_cell(block, i, step, config=CONFIG, seed=0))

            units.append(
                TrainingUnit(
                    module,
                    forward=forward,
                    block=number,
                    index=0,
                    draw=draw,
                    objective=objective,
                    optimizer=adam(module),
                    lr=lambda epoch: 0.01,
                )
            )
        single = FrozenTeacher(teacher, images, batch_size=8, runtime=runtime, seed=0)
        return Distillation(Views(single, chain), units, config=CONFIG, runtime=runtime)

    return make


@pytest.fixture
def shared(space: SearchSpace, teacher: Teacher, images: ImageSet, runtime: Runtime) -> MakeToy:
    """Return a function that makes the loop of a unit of two sliced cells in block 1, and the usual unit in block 2."""

    def make(*, blocks: tuple[int, ...] = (1, 2)) -> Distillation:
        narrow, *_, wide = space.blocks[0].paths()
        module = build_seeded(lambda: SharedCells(wide.width, 3, 6), (0,))
        sliced = TrainingUnit(
            module,
            forward=module,
            block=1,
            index=0,
            draw=lambda step: (Draw(4, wide), Draw(4, narrow)),
            objective=feature_objective(1),
            optimizer=adam(module),
            lr=lambda epoch: 0.01 / (1 + epoch),
        )
        supernet = build_supernet(space, teacher.widths, config=SupernetConfig(), seed=0)
        units = [sliced, *build_units(supernet.block(2), config=CONFIG, seed=0)]
        source = FrozenTeacher(teacher, images, batch_size=8, runtime=runtime, seed=0)
        return Distillation(source, [u for u in units if u.block in blocks], config=CONFIG, runtime=runtime)

    return make


@pytest.fixture(params=["self_supervised", "shared"])
def toy(request: pytest.FixtureRequest) -> MakeToy:
    """Return the function that makes the loop of either kind of unit."""
    return request.getfixturevalue(request.param)


def weights(unit: TrainingUnit) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in unit.module.state_dict().items()}


def differing(first: dict[str, Tensor], second: dict[str, Tensor]) -> set[str]:
    assert first.keys() == second.keys()
    return {name for name in first if not torch.equal(first[name], second[name])}


def gradients(unit: TrainingUnit) -> dict[str, Tensor]:
    return {name: p.grad.clone() for name, p in unit.module.named_parameters() if p.grad is not None}


def test_the_loss_falls(toy: MakeToy) -> None:
    losses = [record.losses for record in toy(blocks=(1,))]
    assert [set(each) for each in losses] == [{(1, 0)}] * 6
    assert losses[-1][1, 0] < losses[0][1, 0]


def test_a_resumed_run_equals_the_uninterrupted_one_bit_for_bit(toy: MakeToy, tmp_path: Path) -> None:
    whole, begun, resumed = toy(), toy(), toy()
    records = list(whole)
    head = list(islice(begun, 4))
    save_checkpoint(tmp_path / "state.pt", begun.state())
    resumed.restore(load_checkpoint(tmp_path / "state.pt", torch.device("cpu")))
    assert [*head, *resumed] == records
    for own, expected in zip(resumed.units, whole.units, strict=True):
        assert differing(weights(own), weights(expected)) == set()


def test_a_step_changes_the_parameters_of_each_unit_and_nothing_else(toy: MakeToy) -> None:
    job = toy()
    first, second = job.units
    job.units = (second,)
    before = [weights(unit) for unit in (first, second)]
    next(iter(job))
    assert differing(weights(first), before[0]) == set()
    changed = differing(weights(second), before[1])
    assert changed
    assert changed == set(gradients(second))


def test_a_loss_that_is_not_finite_stops_that_unit_alone_and_is_named(toy: MakeToy) -> None:
    job, whole = toy(), toy()
    expected = [record.losses for record in whole]
    records = list(islice(job, 3))
    with torch.no_grad():
        for parameter in getattr(job.units[0].objective, "parameters", job.units[0].module.parameters)():
            parameter.fill_(float("nan"))
    texts = " and ".join(draw.path.text for draw in job.units[0].draw(3))
    kept = weights(job.units[0])
    with pytest.raises(NonFiniteLossError) as caught:
        records.extend(job)
    assert str(caught.value) == (
        f"the loss of block 1 is nan in step 4 (batch 1 of epoch 2, path {texts}); the other blocks are trained to "
        "their end and kept; try a lower distill.lr or runtime.precision=fp32"
    )
    assert [set(record.losses) for record in records[3:]] == [{(2, 0)}] * 3
    assert all(torch.equal(value.isnan(), kept[name].isnan()) for name, value in weights(job.units[0]).items())
    assert all(value.isfinite().all() for value in weights(job.units[1]).values())
    if isinstance(job.source, FrozenTeacher):  # blocks share nothing but the features
        assert [r.losses[2, 0] for r in records] == [each[2, 0] for each in expected]


def test_a_self_supervised_loss_reaches_the_teachers_own_block_and_not_the_one_before(
    self_supervised: MakeToy, runtime: Runtime
) -> None:
    job = self_supervised()
    first, second = job.units
    (views,) = job.source.batches(0, 1)
    second.accumulate(job.source.features(views), second.draw(0), runtime=runtime)
    assert gradients(first) == {}
    found = gradients(second)
    assert {"teacher.0.weight", "objective.projector.weight", "objective.teacher_projector.weight"} <= found.keys()
    assert any(name.startswith("cells.") for name in found)
    assert all(gradient.any() for name, gradient in found.items() if name.startswith("teacher"))


def test_a_self_supervised_step_draws_a_path_of_every_cell_and_averages_over_them(
    self_supervised: MakeToy, runtime: Runtime
) -> None:
    job = self_supervised(blocks=(1,))
    (unit,), (views,) = job.units, job.source.batches(0, 1)
    draws, features = unit.draw(0), job.source.features(views)
    assert [draw.path.width for draw in draws] == [4, 6]
    students = [partial(unit.forward, path=draw.path, width=draw.previous_width) for draw in draws]  # type: ignore[call-arg]
    (expected,) = unit.objective(students, features)
    mean = unit.accumulate(job.source.features(views), draws, runtime=runtime)
    assert mean.item() == pytest.approx(expected.item() / 2)


def test_gradients_of_cells_that_share_weights_are_summed(shared: MakeToy, runtime: Runtime) -> None:
    job = shared(blocks=(1,))
    (unit,), (views,) = job.units, job.source.batches(0, 1)
    features = job.source.features(views)
    wide, narrow = unit.draw(0)
    alone = list[dict[str, Tensor]]()
    for draw in (wide, narrow):
        loss = unit.accumulate(features, [draw], runtime=runtime)
        expected = feature_loss(unit.forward(features[0][0], draw.path, 4), features[0][1])
        assert loss.item() == pytest.approx(expected.item())
        alone.append(gradients(unit))
    unit.accumulate(features, [wide, narrow], runtime=runtime)
    both = gradients(unit)
    for name, found in both.items():
        torch.testing.assert_close(found, alone[0][name] + alone[1][name])
    inside, outside = alone[1]["reduce"][: narrow.path.width], alone[1]["reduce"][narrow.path.width :]
    assert inside.any()
    assert not outside.any()
