"""timm's Mixup and CutMix with explicit seeds."""

import numpy as np
from timm.data import Mixup
from torch import Tensor


def mix(mixup: Mixup, images: Tensor, labels: Tensor, words: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Return a batch mixed with its reverse, and its class probabilities; the mixing depends only on `words`."""
    before = np.random.get_state()  # timm draws from numpy's global generator
    try:
        np.random.seed(np.random.SeedSequence(words).generate_state(4))
        return mixup(images.clone(), labels)
    finally:
        np.random.set_state(before)
