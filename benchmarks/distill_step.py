"""Block distillation in the space of NAS-Bench-Macro at CIFAR size: images per second against plain float32 eager mode.

Claim: whole steps (images, teacher pass, all cells, optimisers) are at least 1.5 times as fast as plain PyTorch. Each
measurement has a process of its own, because memory reuse cannot be switched off again. The variants take turns, so a
slower machine affects all of them. The content of the images does not affect the time, so enlarged digits are used.
"""

import json
import statistics
import subprocess
import sys
import time

import torch

from helixnas.data import DataConfig, open_data
from helixnas.distill import DistillConfig, build_distillation
from helixnas.engine import Runtime, RuntimeConfig
from helixnas.space import macro
from helixnas.supernet import SupernetConfig, build_supernet
from helixnas.teacher import TeacherConfig, build_teacher

ROUNDS, STEPS, WARM_UP, BATCH, SIZE = 3, 24, 4, 128, 32
VARIANTS = {
    "plain float32": RuntimeConfig(device="cpu", keep_memory=False),
    "float32": RuntimeConfig(device="cpu"),
    "bfloat16": RuntimeConfig(device="cpu", precision="bf16"),
}
"""Runtime per variant; all but the plain one reuse freed memory and have faster gradients."""


def main() -> None:
    """Print the images per second of every variant, and the ratio to plain float32 in the same round."""
    speeds: dict[str, list[float]] = {name: [] for name in VARIANTS}
    for _ in range(ROUNDS):
        for name in VARIANTS:
            done = subprocess.run([sys.executable, __file__, name], stdout=subprocess.PIPE, text=True, check=True)
            speeds[name].append(json.loads(done.stdout))
    plain = speeds["plain float32"]
    for name, found in speeds.items():
        ratios = [own / base for base, own in zip(plain, found, strict=True)]
        print(
            f"{name:22} {statistics.median(found):4.0f} images/s, {statistics.median(ratios):.2f} times as fast "
            f"({min(ratios):.2f} to {max(ratios):.2f})"
        )


def measure(name: str) -> float:
    """Return images per second over the steps after the warm-up."""
    runtime, space = Runtime(VARIANTS[name]), macro()
    place = (lambda module: module.to(memory_format=torch.channels_last)) if name.startswith("plain") else runtime.place
    config = TeacherConfig(
        model="small_resnet",
        model_args={"channels": [64, 128, 256], "layers": [1, 1, 1], "strides": [2, 2, 2], "downsampling": "pool"},
        boundaries=("layer1", "layer2", "layer3"),
    )
    teacher = place(build_teacher(config, strides=space.strides, num_classes=10, input_size=(SIZE, SIZE), seed=0))
    images = open_data(DataConfig(name="digits", num_rating=100, augmentation="flip-crop"), image_size=SIZE, seed=0)
    supernet = place(build_supernet(space, teacher.widths, config=SupernetConfig(), seed=0))
    settings = DistillConfig(num_epochs=STEPS, batch_size=BATCH)
    steps = iter(build_distillation(teacher, supernet, images.train, config=settings, runtime=runtime, seed=0))
    for _ in range(WARM_UP):
        next(steps)
    started = time.perf_counter()
    for _ in range(STEPS - WARM_UP):
        next(steps)
    return (STEPS - WARM_UP) * BATCH / (time.perf_counter() - started)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.stdout.write(json.dumps(measure(sys.argv[1])))
    else:
        main()
