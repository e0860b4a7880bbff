"""Mixup and CutMix as timm does them, decided by given words alone."""

from collections.abc import Generator
from contextlib import contextmanager

import numpy as np
from timm.data import Mixup
from torch import Tensor


class Mixing:
    """Blends a batch with its mirror image, and the targets alike.

    Args:
        mixup: alpha of Mixup; 0 for none.
        cutmix: alpha of CutMix; 0 for none.
        label_smoothing: share of the target spread over all classes.
        num_classes: how many there are.
    """

    def __init__(self, *, mixup: float, cutmix: float, label_smoothing: float, num_classes: int) -> None:
        self.mixup = Mixup(
            mixup_alpha=mixup, cutmix_alpha=cutmix, label_smoothing=label_smoothing, num_classes=num_classes
        )

    def __call__(self, images: Tensor, labels: Tensor, words: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        """Return mixed images and the share of every class in each; `words` alone decide how."""
        with _seeded(words):
            return self.mixup(images.clone(), labels)


@contextmanager
def _seeded(words: tuple[int, ...]) -> Generator[None]:
    """Seed numpy's global generator, which timm draws from, and put it back afterwards."""
    before = np.random.get_state()
    try:
        np.random.seed(np.random.SeedSequence(words).generate_state(4))
        yield
    finally:
        np.random.set_state(before)
