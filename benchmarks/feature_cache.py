"""The feature cache against a teacher that runs in every step: time of a step, time to fill, and bytes per view.

One block of the space with several cells learns from a residual network that is larger than its students, on handwritten
digits enlarged to 64 pixels. The pool has one view of a few images, so it is in the page cache, as on a machine with memory
to spare. The variants take turns, so that other work on the machine affects both. After how many passes over the images the cache
pays follows from the figures: filling costs a teacher pass over all views, and every later pass saves one.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from helixnas.data import DataConfig, ImageSet, open_data
from helixnas.distill import Distillation, DistillConfig, FeaturePool, build_distillation
from helixnas.engine import Runtime, RuntimeConfig
from helixnas.space import SearchSpace, mbconv
from helixnas.supernet import SupernetConfig, build_supernet
from helixnas.teacher import Teacher, TeacherConfig, build_teacher

SIZE, BATCH, IMAGES, SEED = 64, 32, 256, 0
WIDTHS = (48, 96, 192)


class Case(NamedTuple):
    """A block alone, or all, with so many cells."""

    name: str
    blocks: tuple[int, ...]
    cell: int | None


CASES = (
    Case("block 2, all 3 cells", (2,), None),
    Case("block 2, 1 cell", (2,), 0),
    Case("all blocks, all cells", (1, 2, 3), None),
)


def main() -> None:
    """Print a row per case."""
    options = argparse.ArgumentParser()
    options.add_argument("--steps", type=int, default=5)
    options.add_argument("--layers", type=int, default=4, help="residual layers of each block of the teacher")
    chosen = options.parse_args()
    runtime = Runtime(RuntimeConfig(device="cpu", num_threads=1))
    space, config = parts(chosen.layers)
    teacher = runtime.place(
        build_teacher(config, strides=space.strides, num_classes=10, input_size=(SIZE, SIZE), seed=SEED)
    )
    settings = DataConfig(name="digits", num_rating=100, augmentation="flip-crop")
    images = open_data(settings, image_size=SIZE, seed=SEED).train.subset(IMAGES)
    with tempfile.TemporaryDirectory() as folder:
        pool = FeaturePool(Path(folder), teacher, images, num_views=1, batch_size=BATCH, runtime=runtime, seed=SEED)
        started = time.perf_counter()
        pool.fill()
        filling = (time.perf_counter() - started) / len(images)
        print(
            f"{pool.num_bytes / len(images) / 2**20:.3f} MiB per view of an image, filled in {1000 * filling:.1f} ms each"
        )
        for case in CASES:
            compare(case, pool, teacher, images, space, runtime, steps=chosen.steps, filling=filling)


def parts(layers: int) -> tuple[SearchSpace, TeacherConfig]:
    """Return a space of three blocks with three cells each, and a teacher with so many layers in each block."""
    cells = [[[depth, width] for depth in (1, 2, 3)] for width in (24, 40, 80)]
    space = mbconv(cells=cells, strides=(2, 2, 2), kernels=(3, 5), expansions=(3, 6), stem_stride=1)
    config = TeacherConfig(
        model="small_resnet",
        model_args={
            "channels": list(WIDTHS),
            "layers": [layers] * 3,
            "strides": [2, 2, 2],
            "stem_width": 32,
        },
        boundaries=("layer1", "layer2", "layer3"),
    )
    return space, config


def compare(
    case: Case,
    pool: FeaturePool,
    teacher: Teacher,
    images: ImageSet,
    space: SearchSpace,
    runtime: Runtime,
    *,
    steps: int,
    filling: float,
) -> None:
    """Print the seconds of a step with and without the pool, and after how many epochs the pool has paid for itself."""

    def job(source: FeaturePool | None) -> Distillation:
        supernet = runtime.place(build_supernet(space, teacher.widths, config=SupernetConfig(), seed=SEED))
        config = DistillConfig(num_epochs=steps, batch_size=BATCH)
        how = {"config": config, "runtime": runtime, "seed": SEED, "blocks": case.blocks, "cell": case.cell}
        return build_distillation(teacher, supernet, images, pool=source, **how)  # type: ignore[arg-type]

    runs = {name: iter(job(source)) for name, source in (("teacher", None), ("pool", pool))}
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for step in range(steps + 1):
        for name, run in runs.items():
            started = time.perf_counter()
            next(run)
            if step:
                taken[name].append(time.perf_counter() - started)
    ratios = [a / b for a, b in zip(taken["teacher"], taken["pool"], strict=True)]
    running, reading = (statistics.median(taken[name]) for name in ("teacher", "pool"))
    epochs = filling * BATCH / max(1e-9, running - reading)
    print(
        f"{case.name:22} {1000 * running:6.0f} ms a step with the teacher, {1000 * reading:6.0f} ms with the pool: "
        f"{statistics.median(ratios):.2f} times as fast ({min(ratios):.2f} to {max(ratios):.2f}); pays after "
        f"{epochs:.1f} passes of a view"
    )


if __name__ == "__main__":
    main()
