"""Overhead of the training loop: its step against bare forward, backward and optimiser calls.

Claim: at 224 pixels, the loop adds at most 3 % to a step for batches, schedule, checks and averages of weights. Both take
turns on the same batches, step by step, so a slower machine affects both. Images are decoded beforehand, as if data
workers kept up.

    python benchmarks/training_loop.py [MODEL [PIXELS [BATCH [STEPS]]]]
"""

import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import timm
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import helixnas.zoo  # noqa: F401 - registers the models
from helixnas.engine import Fit, FitConfig, Runtime, RuntimeConfig
from helixnas.nn import build_seeded

NUM_CLASSES = 1000


@dataclass(frozen=True)
class Batch:
    """Images and their labels."""

    images: Tensor
    labels: Tensor


class Images:
    """A data set that repeats one random batch, in memory."""

    num_classes = NUM_CLASSES

    def __init__(self, size: int, batch_size: int, steps: int) -> None:
        self.batch = Batch(torch.rand(batch_size, 3, size, size), torch.randint(NUM_CLASSES, (batch_size,)))
        self.steps = steps

    def __len__(self) -> int:
        """Return the number of images."""
        return self.steps * len(self.batch.images)

    def num_batches(self, batch_size: int, *, drop_last: bool) -> int:
        """Return the number of batches of an epoch."""
        return self.steps

    def batches(
        self, *, batch_size: int, seed: int, epoch: int, augment: bool, shuffle: bool, skip: int, drop_last: bool
    ) -> Iterator[Batch]:
        """Yield the batch once for every batch of the epoch."""
        for _ in range(skip, self.steps):
            yield self.batch


def main(name: str = "dna_c", size: str = "224", batch_size: str = "16", steps: str = "8") -> None:
    """Print the median seconds of a step of the loop and of the bare calls, and the overhead of the loop."""
    loop, bare = measure(name, int(size), int(batch_size), int(steps))
    print(f"{name} at {size} pixels, batch {batch_size}: loop {loop:.3f} s, bare {bare:.3f} s, {loop / bare - 1:+.1%}")


def measure(name: str, size: int, batch_size: int, steps: int) -> tuple[float, float]:
    """Return the median seconds of a step of the loop and of the bare calls, after two warm-up steps."""
    runtime = Runtime(RuntimeConfig(device="auto"))
    images = Images(size, batch_size, steps + 2)
    config = FitConfig(num_epochs=1, batch_size=batch_size, optimizer="sgd", lr=0.01, ema_decay=0.99)
    job = Fit(
        runtime.place(_network(name)),
        images,
        config=config,
        runtime=runtime,
        normalize=_normalize,
        seed=0,
        title="the network",
    )
    other = runtime.place(_network(name)).train()
    optimizer = torch.optim.SGD(other.parameters(), lr=0.01, momentum=0.9, nesterov=True)
    taken: tuple[list[float], list[float]] = ([], [])
    records = iter(job)
    for _ in range(steps + 2):
        started = time.perf_counter()
        next(records)
        taken[0].append(time.perf_counter() - started)
        started = time.perf_counter()
        _bare_step(other, optimizer, images.batch, runtime)
        taken[1].append(time.perf_counter() - started)
    return statistics.median(taken[0][2:]), statistics.median(taken[1][2:])


def _bare_step(network: nn.Module, optimizer: torch.optim.Optimizer, batch: Batch, runtime: Runtime) -> None:
    optimizer.zero_grad(set_to_none=True)
    shown = _normalize(runtime.images(batch.images))
    loss = F.cross_entropy(network(shown), batch.labels.to(shown.device))
    loss.backward()
    optimizer.step()
    loss.item()


def _network(name: str) -> nn.Module:
    return build_seeded(lambda: timm.create_model(name, num_classes=NUM_CLASSES), (0,))


def _normalize(images: Tensor) -> Tensor:
    return (images - 0.5) / 0.5


if __name__ == "__main__":
    main(*sys.argv[1:])
