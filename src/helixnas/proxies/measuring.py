"""Measuring proxies: every network of a list is built untrained and scored, one after the other."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from helixnas.data import ImageSet
from helixnas.engine.runtime import Runtime, explain_out_of_memory
from helixnas.errors import ConfigError
from helixnas.nn import Normalization
from helixnas.proxies.config import GRADNORM, NASWOT, NEED_LABELS, NUM_LAYERS, SNIP, SYNFLOW, ZICO
from helixnas.proxies.gradients import gradnorm, snip, synflow, zico
from helixnas.proxies.naswot import naswot
from helixnas.space import Architecture

Build = Callable[[Architecture, int], nn.Module]
"""(architecture, seed) -> the untrained network."""

IMAGES_STREAM = 47
"""Separates the draw of the images from the other random numbers of a seed."""


@dataclass(frozen=True)
class ProxyRecord:
    """Networks scored so far."""

    done: int


@dataclass(frozen=True, eq=False)
class Batch:
    """Normalised images that a network is scored on, and their labels where a proxy needs them."""

    images: Tensor
    labels: Tensor | None


@dataclass(eq=False)
class Proxies:
    """Scores untrained networks; `values` holds per proxy the mean over seeds for every network done, higher is better."""

    architectures: Sequence[Architecture]
    scores: Sequence[str]
    build: Build
    batches: Sequence[Batch]
    """One per seed of the initial weights."""

    def __post_init__(self) -> None:
        self.values: dict[str, list[float]] = {name: [] for name in self.scores}

    @property
    def done(self) -> int:
        """Number of networks scored."""
        return len(self.values[self.scores[0]])

    def __iter__(self) -> Iterator[ProxyRecord]:
        """Yield a record per network until all are scored."""
        for architecture in self.architectures[self.done :]:
            found = [
                proxy_values(self.scores, architecture, self.build(architecture, seed), batch)
                for seed, batch in enumerate(self.batches)
            ]
            for name, values in self.values.items():
                values.append(sum(each[name] for each in found) / len(found))
            yield ProxyRecord(self.done)

    def state(self) -> dict[str, Any]:
        """Return the state needed to resume."""
        return {"values": {name: list(values) for name, values in self.values.items()}}

    def restore(self, state: dict[str, Any]) -> None:
        """Restore a `state` of the same settings."""
        self.values = {name: list(values) for name, values in state["values"].items()}


def check_images(images: ImageSet, scores: Sequence[str], batch_size: int) -> None:
    """Check that networks can be scored on training images.

    Raises:
        DataError: a proxy needs labels and there are none.
        ConfigError: there are fewer images than a batch.
    """
    needing = [name for name in scores if name in NEED_LABELS]
    if needing:
        images.require_labels(f"the proxy {needing[0]}")
    if len(images) < batch_size:
        raise ConfigError(
            f"proxies.batch_size is {batch_size:,}, but there are only {len(images):,} training images; choose at most "
            f"{len(images):,}"
        )


def proxy_batches(
    images: ImageSet,
    scores: Sequence[str],
    *,
    number: int,
    batch_size: int,
    runtime: Runtime,
    normalize: Normalization,
    seed: int,
) -> tuple[Batch, ...]:
    """Return `number` batches of training images without augmentation, in random order; raises as `check_images`."""
    check_images(images, scores, batch_size)
    found: list[Batch] = []
    for epoch in range(number):
        batch = next(
            iter(
                images.batches(
                    batch_size=batch_size,
                    seed=seed + IMAGES_STREAM,
                    epoch=epoch,
                    augment=False,
                    shuffle=True,
                    drop_last=True,
                )
            )
        )
        labels = None if batch.labels is None else batch.labels.to(runtime.device)
        found.append(Batch(normalize(runtime.images(batch.images)), labels))
    return tuple(found)


def proxy_values(
    scores: Sequence[str], architecture: Architecture, model: nn.Module, batch: Batch
) -> Mapping[str, float]:
    """Return the named proxies of an untrained network; higher is better."""

    def labels() -> Tensor:
        assert batch.labels is not None, "proxy_batches has checked it"
        return batch.labels

    ways: Mapping[str, Callable[[], float]] = {
        NASWOT: lambda: naswot(model, batch.images),
        SYNFLOW: lambda: synflow(model, batch.images),
        ZICO: lambda: zico(model, batch.images, labels()),
        GRADNORM: lambda: gradnorm(model, batch.images, labels()),
        SNIP: lambda: snip(model, batch.images, labels()),
        NUM_LAYERS: lambda: float(architecture.effective_depth),
    }
    with explain_out_of_memory("proxies.batch_size", len(batch.images)), torch.enable_grad():
        return {name: ways[name]() for name in scores}
