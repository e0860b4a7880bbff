"""timm's Mixup and CutMix with explicit seeds."""

from collections.abc import Generator
from contextlib import contextmanager

import numpy as np
from timm.data import Mixup
from torch import Tensor


class Mixing:
    """Mixes a batch with its reverse, and the targets likewise.

    Args:
        mixup: alpha of Mixup; 0 for none.
        cutmix: alpha of CutMix; 0 for none.
        label_smoothing: share of the target spread over all classes.
        num_classes: number of classes.
    """

    def __init__(self, *, mixup: float, cutmix: float, label_smoothing: float, num_classes: int) -> None:
        self.mixup = Mixup(
            mixup_alpha=mixup, cutmix_alpha=cutmix, label_smoothing=label_smoothing, num_classes=num_classes
        )

    def __call__(self, images: Tensor, labels: Tensor, words: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        """Return mixed images and class probabilities; the mixing depends only on `words`."""
        with _seeded(words):
            return self.mixup(images.clone(), labels)


@contextmanager
def _seeded(words: tuple[int, ...]) -> Generator[None]:
    """Seed numpy's global generator, which timm uses, and restore it afterwards."""
    before = np.random.get_state()
    try:
        np.random.seed(np.random.SeedSequence(words).generate_state(4))
        yield
    finally:
        np.random.set_state(before)
