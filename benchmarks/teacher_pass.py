"""One teacher pass for all blocks against single-block jobs on the same batches, and the overhead of a step.

Claims: a step that trains all blocks from one teacher pass is at least 1.8 times as fast as the single-block jobs
together, with a teacher as costly as the students. At CIFAR size, at most 5 % of a step is spent outside the modules
(cache of decoded images, augmentation, hooks, optimiser, records). For the second claim, the bare modules run before and after
each step on its own batch and paths, and the share is computed over all steps, because single steps vary too much.
"""

import statistics
import time
from collections.abc import Callable

import torch

from helixnas.data import DataConfig, open_data
from helixnas.distill import Distillation, DistillConfig, FrozenTeacher, build_distillation, feature_loss
from helixnas.engine import Runtime, RuntimeConfig
from helixnas.space import mbconv
from helixnas.supernet import SupernetConfig, build_supernet
from helixnas.teacher import Teacher, TeacherConfig, build_teacher

STEPS, WARM_UP, ROUNDS, BATCH, SIZE = 12, 2, 5, 64, 32


def main() -> None:
    """Print the ratio and the overhead with their ranges."""
    runtime = Runtime(RuntimeConfig(device="cpu"))
    space = mbconv(
        cells=[[[2, 16]], [[2, 24]], [[2, 40]], [[2, 48]], [[2, 64]], [[1, 96]]],
        strides=(1, 2, 1, 2, 1, 1),
        kernels=(3, 5),
        stem_stride=1,
    )
    config = TeacherConfig(
        model="small_resnet",
        model_args={
            "channels": [64, 96, 128, 160, 192, 256],
            "layers": [2, 3, 3, 6, 4, 4],
            "strides": [1, 2, 1, 2, 1, 1],
            "stem_width": 16,
        },
        boundaries=tuple(f"layer{k}" for k in range(1, 7)),
    )
    teacher = build_teacher(config, strides=space.strides, num_classes=10, input_size=(SIZE, SIZE), seed=0)
    images = open_data(
        DataConfig(name="digits", num_rating=100, augmentation="flip-crop"), image_size=SIZE, seed=0
    ).train
    teacher = runtime.place(teacher)
    settings = DistillConfig(num_epochs=STEPS, batch_size=BATCH)

    def job(blocks: tuple[int, ...] | None) -> Distillation:
        supernet = runtime.place(build_supernet(space, teacher.widths, config=SupernetConfig(), seed=0))
        return build_distillation(teacher, supernet, images, config=settings, runtime=runtime, seed=0, blocks=blocks)

    together, alone = iter(job(None)), [iter(job((k,))) for k in range(1, 7)]
    ratios: list[float] = []
    for step in range(STEPS):
        whole = _seconds(lambda: next(together))
        parts = sum(_seconds(lambda one=one: next(one)) for one in alone)
        if step >= WARM_UP:
            ratios.append(parts / whole)
    share = _teacher_share(teacher, job(None))
    print(f"teacher pass: {share:.2f} of the time of the students' forward and backward passes")
    print(
        f"six single-block jobs / one pass for all: {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
    )
    shares = [_around(job(None)) for _ in range(ROUNDS)]
    spread = f"({100 * min(shares):.1f} to {100 * max(shares):.1f} in {ROUNDS} rounds of {STEPS - WARM_UP} steps)"
    print(f"time outside the modules: {100 * statistics.median(shares):.1f} % of a step {spread}")


def _teacher_share(teacher: Teacher, job: Distillation) -> float:
    batch = next(iter(_source(job).images.batches(batch_size=BATCH, seed=0, augment=True, shuffle=True)))
    teaching = statistics.median(_seconds(lambda: _features(teacher, batch.images)) for _ in range(5))
    return teaching / statistics.median(_bare(job, batch.images, step) for step in range(5))


def _around(job: Distillation) -> float:
    """Return the share of the steps' time that is spent outside the forward and backward passes of the modules."""
    bare, whole = 0.0, 0.0
    steps = iter(job)
    batches = (
        batch.images
        for epoch in range(job.config.num_epochs)
        for batch in _source(job).images.batches(
            batch_size=BATCH, seed=_source(job).seed, epoch=epoch, augment=True, shuffle=True, skip=0, drop_last=True
        )
    )
    for step, images in zip(range(STEPS), batches, strict=False):
        before = _modules_alone(job, images, step)
        taken = _seconds(lambda: next(steps))
        after = _modules_alone(job, images, step)
        if step >= WARM_UP:
            bare += (before + after) / 2
            whole += taken
    return 1 - bare / whole


def _modules_alone(job: Distillation, images: torch.Tensor, step: int) -> float:
    """Return the seconds of the teacher's forward pass and of the drawn paths' forward and backward passes."""
    placed = job.runtime.images(images)
    with torch.no_grad():
        normalized = _source(job).teacher.normalize(placed)
        teaching = _seconds(lambda: _source(job).teacher.model(normalized))
    return teaching + _bare(job, placed, step)


def _bare(job: Distillation, images: torch.Tensor, step: int) -> float:
    """Return the seconds that the drawn paths' forward and backward passes take by themselves."""
    features = _features(_source(job).teacher, images)
    draws = [cell.draw(step) for cell in job.units]
    for cell in job.units:
        cell.optimizer.zero_grad(set_to_none=True)

    def train() -> None:
        for cell, drawn in zip(job.units, draws, strict=True):
            for draw in drawn:
                output = cell.forward(features[cell.block - 1], draw.path, draw.previous_width)
                feature_loss(output, features[cell.block]).backward()

    return _seconds(train)


def _source(job: Distillation) -> FrozenTeacher:
    assert isinstance(job.source, FrozenTeacher)
    return job.source


def _features(teacher: Teacher, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
    with torch.no_grad():
        return teacher.features(images)


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
