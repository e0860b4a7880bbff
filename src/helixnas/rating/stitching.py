"""Stitching consistency: do summed scores predict whole networks made of the same supernet blocks?

A random architecture is assembled from the supernet's blocks, adapters included: block k receives the output of block
k - 1, and the teacher's own head that of the last block. Nothing is retrained. The agreement between summed scores (Eq. 4)
and the stitched networks' losses measures *additivity*: whether local scores may be added up. It is no trained accuracy.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from helixnas.data import ImageSet
from helixnas.engine.runtime import Runtime, explain_out_of_memory
from helixnas.nn import pooled_to
from helixnas.rating.config import StitchingConfig
from helixnas.rating.path_scores import kl_divergence
from helixnas.rating.stitched_head import StitchedHead
from helixnas.space import Architecture, SearchSpace
from helixnas.supernet import Supernet, chain_features
from helixnas.teacher import Teacher


@dataclass(frozen=True)
class StitchRecord:
    """One stitched architecture, evaluated on all images of the check."""

    architecture: Architecture
    divergence: float
    """Mean Kullback-Leibler divergence of the stitched output from the teacher's own, in nats; lower is better."""

    accuracy: float | None
    """Share of images whose label gets the largest logit; None without labels of the teacher's classes."""


@dataclass(eq=False)
class Stitching:
    """Evaluates random architectures made of supernet blocks and the teacher's head, one after the other.

    Where the teacher has no trained head, a `head` of linear readouts takes its place, for the stitched networks and for the
    teacher that they are compared with.
    """

    teacher: Teacher
    supernet: Supernet
    space: SearchSpace
    images: ImageSet
    _: KW_ONLY
    config: StitchingConfig
    runtime: Runtime
    seed: int
    head: StitchedHead | None = None

    def __post_init__(self) -> None:
        rng = np.random.default_rng((self.seed, len(self.space.blocks)))
        self.architectures = sample_distinct(self.space, self.config.num_architectures, rng)
        self.records: list[StitchRecord] = []

    def __iter__(self) -> Iterator[StitchRecord]:
        """Yield a record per architecture until all are evaluated."""
        if len(self.records) == len(self.architectures):
            return
        batches = self._batches()
        for architecture in self.architectures[len(self.records) :]:
            with explain_out_of_memory("stitching.batch_size", self.config.batch_size):
                record = self._evaluate(architecture, batches)
            self.records.append(record)
            yield record

    def _batches(self) -> list[tuple[Tensor, Tensor, Tensor | None]]:
        """Return images, the teacher's logits and labels of every batch of the check."""
        batches: list[tuple[Tensor, Tensor, Tensor | None]] = []
        number = min(self.config.num_images, len(self.images))
        size = min(self.config.batch_size, number)
        for batch in self.images.batches(
            batch_size=size, seed=self.seed, epoch=1, augment=False, shuffle=True, drop_last=True
        ):
            images = self.runtime.images(batch.images)
            with torch.no_grad(), self.runtime.autocast():
                features, logits = self.teacher.features_and_logits(images)
            logits = logits.float() if self.head is None else self.head.logits(features[-1])
            labels = None if batch.labels is None else batch.labels.to(logits.device)
            fits = labels is not None and self.images.num_classes == logits.shape[1]
            batches.append((images, logits, labels if fits else None))
            if len(batches) * size >= number:
                break
        return batches

    def _evaluate(
        self, architecture: Architecture, batches: Sequence[tuple[Tensor, Tensor, Tensor | None]]
    ) -> StitchRecord:
        divergence, right, total, labelled = 0.0, 0, 0, True
        for images, expected, labels in batches:
            with torch.no_grad(), self.runtime.autocast():
                logits = self._logits(architecture, images).float()
            divergence += float(kl_divergence(logits, expected)) * len(images)
            labelled = labelled and labels is not None
            right += 0 if labels is None else int((logits.argmax(1) == labels).sum())
            total += len(images)
        return StitchRecord(architecture, divergence / total, right / total if labelled else None)

    def _logits(self, architecture: Architecture, images: Tensor) -> Tensor:
        """Return the logits of a stitched network."""
        if self.head is not None:
            y_0 = self.teacher.normalize(images)
            features = self.head.features(self.supernet, architecture, y_0, stem_width=self.space.stem_width)
            return self.head.logits(features)
        features = stitched_features(self.teacher, self.supernet, self.space, architecture, images)
        features = pooled_to(features, self.teacher.feature_sizes[-1])
        return self.teacher.continue_from(images, len(self.space.blocks), features)

    def state(self) -> dict[str, Any]:
        """Return everything needed to continue after the last architecture."""
        return {"records": [(record.divergence, record.accuracy) for record in self.records]}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a `state` of the same settings."""
        self.records = [
            StitchRecord(architecture, divergence, accuracy)
            for architecture, (divergence, accuracy) in zip(self.architectures, state["records"], strict=False)
        ]


def stitched_features(
    teacher: Teacher,
    supernet: Supernet,
    space: SearchSpace,
    architecture: Architecture,
    images: Float[Tensor, "batch channels height width"],
) -> Float[Tensor, "batch features rows columns"]:
    """Return the stitched network's estimate of Y_N: every block receives the output of the block before."""
    y_0 = teacher.normalize(images)
    return chain_features(supernet, architecture.paths, y_0, previous_width=space.stem_width)[-1]


def sample_distinct(
    space: SearchSpace,
    number: int,
    rng: np.random.Generator,
    *,
    accept: Callable[[Architecture], bool] = lambda architecture: True,
) -> list[Architecture]:
    """Draw `number` different architectures uniformly among the accepted; fewer if there seem to be no more."""
    chosen: dict[Architecture, None] = {}
    attempts = 0
    while len(chosen) < min(number, space.size) and attempts < 1000 * number:
        drawn = space.sample(rng)
        if accept(drawn):
            chosen[drawn] = None
        attempts += 1
    return list(chosen)
