"""ImageNet on one GPU: throughput, memory and hours of distillation and rating, meant to take ten minutes.

EfficientNet-B7 with random weights teaches the whole space of Table 1 at 224 pixels (recipe `imagenet-dna`), on synthetic
images in memory, in mixed precision. Per block: a step of all its cells, of one path plain and compiled, and an operation of
a rating plain and as a CUDA graph. In all: images per second, peak memory, and hours for 1.28 million images, beside the
paper's 8.5 GPU-days and the aim of 6 hours on an H100. A block's figures for one path and for rating are those of its first
cell, first previous width and first operation; the whole rating follows from the number of operations it runs. A batch that
does not fit is halved. No GPU has run it yet; after nine minutes it begins no more compiling and no more graphs. Expansions
that operations share: ``python benchmarks/fused_siblings.py mbconv --device cuda``.

    python benchmarks/gpu.py [--out results.md] [--hardware hardware.json] [--precision bf16] [--batch 512]
    python benchmarks/gpu.py --quick      # seconds on a CPU: a small teacher and space, to see that it runs

`hardware.json` has the multiply-adds per second, for `helixnas run RECIPE --dry-run --hardware hardware.json`.
"""

import argparse
import platform
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from helixnas.cli.settings import read_recipe
from helixnas.costs import cost_table
from helixnas.data import ImageSet
from helixnas.data.loading import ImageStore
from helixnas.data.source import Source
from helixnas.data.unreadable import UnreadableImages
from helixnas.distill import Distillation, DistillConfig, build_distillation
from helixnas.engine import Runtime, RuntimeConfig, wait_for
from helixnas.engine.gpu import compiling
from helixnas.engine.gpu.graphs import CudaGraphs, Run, call
from helixnas.errors import OutOfMemoryError
from helixnas.pipeline.hardware.measured import MeasuredThroughput
from helixnas.pipeline.stages.wording import BACKWARD
from helixnas.rating.relative_l1 import RelativeL1
from helixnas.rating.tree import rate_cell
from helixnas.space import SearchSpace, mbconv
from helixnas.supernet import Supernet, SupernetConfig, build_supernet
from helixnas.teacher import Teacher, TeacherConfig, build_teacher, count_teacher

IMAGES, RATING_IMAGES, PAPER_EPOCHS, PAPER_HOURS, AIM_HOURS = 1_281_167, 50_000, 20, 8.5 * 24, 6
MINUTES = 9.0
"""After this time, what is left is skipped and said to be."""


@dataclass(frozen=True)
class Setup:
    """What is measured: teacher, space, training, and the size of images and batches."""

    teacher: TeacherConfig
    space: SearchSpace
    distill: DistillConfig
    image_size: int
    num_steps: int

    @property
    def batch_size(self) -> int:
        """Images of a step."""
        return self.distill.batch_size


@dataclass
class Job:
    """A distillation that is ready to run, with one batch's features."""

    runtime: Runtime
    teacher: Teacher
    supernet: Supernet
    distillation: Distillation
    features: tuple[Tensor, ...]


def main(words: Sequence[str] | None = None) -> None:
    """Measure, and print a table and what follows from it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="")
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--hardware", type=Path)
    options = parser.parse_args(words)
    config = RuntimeConfig(device=options.device, precision=options.precision or "auto")
    if options.quick:
        compiling.BACKEND = "eager"  # traces, and generates no code
    until = time.monotonic() + 60 * MINUTES
    setup = small() if options.quick else imagenet(options.batch)
    text, hardware = measure_what_fits(setup, config, until)
    text += "- A quick run of small networks: its figures say nothing about ImageNet.\n" if options.quick else ""
    sys.stdout.write(text)
    if options.out:
        options.out.write_text(text, encoding="utf-8")
    if options.hardware:
        hardware.save(options.hardware)


def imagenet(batch_size: int) -> Setup:
    """Return the recipe's search with a teacher of random weights and one path a step, as in the paper."""
    recipe = read_recipe("imagenet-dna")
    teacher = TeacherConfig(model="efficientnet_b7", boundaries=recipe.teacher.boundaries)
    config = replace(recipe.distill, sampling="uniform", num_epochs=PAPER_EPOCHS, batch_size=batch_size)
    return Setup(teacher, recipe.search_space, replace(config, lr=1e-6, first_block_lr=1e-6), 224, 10)


def small() -> Setup:
    """Return a search of seconds."""
    blocks = {"channels": [8, 16], "layers": [1, 1], "strides": [2, 2], "stem_width": 8}
    teacher = TeacherConfig(model="small_resnet", model_args=blocks, boundaries=("layer1", "layer2"))
    around: dict[str, Any] = {"stem_width": 8, "stem_stride": 1, "separable_width": 0, "head_width": 0}
    cells = (((2, 8), (1, 16)), ((1, 16),))
    space = mbconv(name="small", cells=cells, strides=(2, 2), kernels=(3, 5), expansions=(3,), **around)
    config = DistillConfig(batch_size=4, num_epochs=PAPER_EPOCHS, lr=1e-6, first_block_lr=1e-6)
    return Setup(teacher, space, config, 16, 2)


def measure_what_fits(setup: Setup, config: RuntimeConfig, until: float) -> tuple[str, MeasuredThroughput]:
    """Measure with the largest batch that the memory holds: the one asked for, or half of it, or half of that, ..."""
    while True:
        try:
            return measure(setup, config, until)
        except (OutOfMemoryError, torch.OutOfMemoryError):
            if setup.batch_size < 32:
                raise
        setup = replace(setup, distill=replace(setup.distill, batch_size=setup.batch_size // 2))
        torch.cuda.empty_cache()
        print(f"out of memory: again with batches of {setup.batch_size}", file=sys.stderr)


def measure(setup: Setup, config: RuntimeConfig, until: float) -> tuple[str, MeasuredThroughput]:
    """Return the report and the figures of the machine; what would begin too late is left out."""
    job, nan = prepared(setup, config), float("nan")
    on_gpu = job.runtime.device.type == "cuda"
    found = {"step": steps_of(job, setup), "teacher": seconds(job, lambda: features_of(job))}
    found["memory"] = torch.cuda.max_memory_allocated() / 2**30 if on_gpu else nan
    print(f"step {ms(found['step'])} ms, peak memory {found['memory']:.1f} GiB", file=sys.stderr)
    found["fair"] = fair_step(setup, job) if time.monotonic() < until else nan
    compiled, graphs = prepared(setup, replace(config, compile=True)), CudaGraphs() if on_gpu else None
    found["compiled teacher"] = seconds(compiled, lambda: features_of(compiled)) if time.monotonic() < until else nan
    found |= {"paths": 0.0, "rated": 0.0}
    rows: list[list[str]] = []
    for block in job.supernet:
        number = block.number
        whole = one_path(job, number, cells=len(list(block)))
        operation = rating_seconds(job, number, call)
        total = sum(evaluations_of(cell.cell.choices) for cell in block) * len(block.previous_widths)
        found["paths"] += whole
        found["rated"] += total * operation
        values = (
            whole,
            one_path(job, number),
            one_path(compiled, number) if time.monotonic() < until else nan,
            operation,
            rating_seconds(job, number, graphs) if graphs and time.monotonic() < until else nan,
        )
        print(f"block {number}: a step of its cells {ms(values[0])} ms", file=sys.stderr)
        rows.append([str(number), *map(ms, values), f"{total:,}"])
    return report(setup, job, rows, found), hardware(setup, job, found)


def images_in_memory(size: int, batch_size: int) -> ImageSet:
    """Return random training images, the same few again and again."""
    pixels = np.random.default_rng(0).integers(0, 256, (batch_size, size, size, 3), dtype=np.uint8)
    told: dict[str, Any] = {"title": "noise", "num_images": batch_size, "labels": None, "class_names": ()}
    source = Source(read=lambda row: pixels[row], locate=str, **told)
    unreadable = UnreadableImages(title="noise", num_images=batch_size, max_share=0.0)
    how: dict[str, Any] = {"augmentation": "none", "crop_ratio": 1.0, "interpolation": "bicubic", "num_workers": 0}
    store = ImageStore(source=source, pixels=pixels, unreadable=unreadable, image_size=size, **how)
    rows = np.arange(64 * batch_size) % batch_size
    return ImageSet(name="training", store=store, rows=rows, all_labels=None, class_names=())


def prepared(setup: Setup, config: RuntimeConfig) -> Job:
    """Build teacher and supernet; the teacher's batch norms are measured, so that random weights give tame features."""
    runtime, size, space = Runtime(config), setup.image_size, setup.space
    teacher = build_teacher(setup.teacher, strides=space.strides, num_classes=10, input_size=(size, size), seed=0)
    tame(teacher, torch.rand(16, 3, size, size))
    teacher = runtime.place(teacher)
    how: dict[str, Any] = {"teacher_grids": teacher.feature_sizes, "input_size": teacher.input_size}
    supernet = runtime.place(build_supernet(space, teacher.widths, config=SupernetConfig(), seed=0, **how))
    images = images_in_memory(size, setup.batch_size)
    distillation = build_distillation(teacher, supernet, images, config=setup.distill, runtime=runtime, seed=0)
    job = Job(runtime, teacher, supernet, distillation, ())
    job.features = features_of(job)
    return job


@torch.no_grad()
def tame(teacher: Teacher, images: Tensor) -> None:
    """Let the teacher's batch norms take the statistics of some images."""
    norms = [module for module in teacher.model.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1.0
        norm.train()
    teacher.model(teacher.normalize(images))
    teacher.train()


def features_of(job: Job) -> tuple[Tensor, ...]:
    """Return the teacher's features of a batch that comes from memory."""
    (views,) = job.distillation.source.batches(0, 1)
    return tuple(job.distillation.source.features(views)[0])


def seconds(job: Job, work: Callable[[], object]) -> float:
    """Return the median seconds of three runs after a first."""

    def run() -> None:
        work()
        wait_for(job.runtime.device)

    run()
    taken: list[float] = []
    for _ in range(3):
        started = time.perf_counter()
        run()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


def steps_of(job: Job, setup: Setup) -> float:
    """Return the seconds of a whole step: images, teacher pass, all cells, optimizers."""
    steps = iter(job.distillation)
    for _ in range(2):
        next(steps)
    started = time.perf_counter()
    for _ in range(setup.num_steps):
        next(steps)
    wait_for(job.runtime.device)
    return (time.perf_counter() - started) / setup.num_steps


def fair_step(setup: Setup, job: Job) -> float:
    """Return the seconds of a step in which every operation learns (strict-fair)."""
    config = replace(setup.distill, sampling="strict-fair")
    images = images_in_memory(setup.image_size, setup.batch_size)
    fair = build_distillation(job.teacher, job.supernet, images, config=config, runtime=job.runtime, seed=0)
    return steps_of(replace(job, distillation=fair), replace(setup, num_steps=2))


def train(job: Job, unit: Any, draws: Any) -> None:
    """Take a step of one unit."""
    unit.accumulate([job.features], draws, runtime=job.runtime)
    unit.step(0.0, runtime=job.runtime)


def one_path(job: Job, block: int, *, cells: int = 1) -> float:
    """Return the seconds of a step of the first cells of a block, one path each: forward, backward, optimizer."""
    units = [unit for unit in job.distillation.units if unit.block == block][:cells]
    return seconds(job, lambda: [train(job, unit, unit.draw(0)) for unit in units])


def rating_seconds(job: Job, block: int, run: Run) -> float:
    """Return the mean seconds of an operation of a rating, the score of every path included."""
    found = job.supernet.block(block)
    cell, width = next(iter(found)), found.previous_widths[0]
    score = RelativeL1(job.features[block])

    def rate() -> Tensor:
        with torch.no_grad(), job.runtime.autocast():
            return rate_cell(cell, job.features[block - 1], width, score, prefix=1, run=run)

    rate()  # so that all graphs are recorded
    return seconds(job, rate) / (evaluations_of(cell.cell.choices) / cell.cell.choices[0])


def evaluations_of(choices: Sequence[int]) -> int:
    """Return how many operations a rating of a cell runs.

    >>> evaluations_of([2, 3])
    8
    """
    total, nodes = 0, 1
    for number in choices:
        nodes *= number
        total += nodes
    return total


def report(setup: Setup, job: Job, rows: list[list[str]], found: dict[str, float]) -> str:
    """Return the figures as Markdown."""
    batch = setup.batch_size
    hours = IMAGES * PAPER_EPOCHS * found["step"] / batch / 3600
    fair_hours = IMAGES * 4 * found["fair"] / batch / 3600
    rating_hours = RATING_IMAGES * found["rated"] / batch / 3600
    columns = (
        "block | a step of its cells | one path | compiled | an operation of a rating | as a CUDA graph | operations"
    )
    lines = [
        f"{device_of(job)}, {job.runtime.precision}, torch {torch.__version__}, Python {platform.python_version()}; "
        f"{setup.teacher.model} at {setup.image_size} pixels, space {setup.space.name}, batches of {batch}; in ms",
        "",
        f"| {columns} |",
        "|---" * len(rows[0]) + "|",
        *(f"| {' | '.join(row)} |" for row in rows),
        "",
        f"- A step with one path per cell: {ms(found['step'])} ms, {batch / found['step']:,.0f} images/s; teacher and copy "
        f"{ms(found['teacher'])} ms (compiled {ms(found['compiled teacher'])}). Peak memory {found['memory']:.1f} GiB.",
        f"- A step with every operation (strict-fair): {ms(found['fair'])} ms, {batch / found['fair']:,.0f} images/s.",
        f"- ImageNet, {IMAGES:,} images: {hours:.1f} h for {PAPER_EPOCHS} epochs of one path; {fair_hours:.1f} h for 4 "
        f"epochs of every operation; rating {RATING_IMAGES:,} images by Eq. 7: {rating_hours:.1f} h.",
        f"- The paper: {PAPER_HOURS:.0f} h (8.5 GPU-days). The aim: below {AIM_HOURS} h on an H100.",
        "- nan: not measured (no CUDA device, or the time was up). Tests of this machine: python -m pytest -m gpu",
    ]
    return "\n".join(lines) + "\n"


def ms(value: float) -> str:
    """Return seconds in milliseconds."""
    return f"{1000 * value:.2f}"


def device_of(job: Job) -> str:
    """Return the name of the device."""
    device = job.runtime.device
    return torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or "cpu"


def hardware(setup: Setup, job: Job, found: dict[str, float]) -> MeasuredThroughput:
    """Return the multiply-adds per second of distillation and rating, for `helixnas run RECIPE --dry-run --hardware FILE`."""
    table = cost_table(setup.space, image_size=setup.image_size, num_classes=10)
    macs, batch = table.resource("macs"), setup.batch_size
    teacher = float(count_teacher(job.teacher, setup.image_size)["macs"])
    of_paths = of_rating = 0.0
    for block in job.supernet:
        mean = float(macs[table.rows(block.number)].mean())
        of_paths += len(list(block)) * mean
        for cell in block:
            choices = cell.cell.choices
            of_rating += len(block.previous_widths) * evaluations_of(choices) * mean / len(choices)
    return MeasuredThroughput(
        device=device_of(job),
        conditions=f"{job.runtime.precision}, {setup.image_size} pixels, batch {batch}, synthetic images",
        macs_per_second={
            "distill": batch * (teacher + (1 + BACKWARD) * of_paths) / (found["teacher"] + found["paths"]),
            "rate": batch * (teacher + of_rating) / (found["teacher"] + found["rated"]),
        },
    )


if __name__ == "__main__":
    main()
