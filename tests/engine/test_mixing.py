from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from timm.data import Mixup

from helixnas.engine.mixing import mix

IMAGES, LABELS = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1, 2, 0])


def mixing(mixup: float = 0.0, cutmix: float = 0.0, label_smoothing: float = 0.0) -> Callable[..., Any]:
    return partial(mix, Mixup(mixup, cutmix, label_smoothing=label_smoothing, num_classes=3))


def test_words_alone_decide_and_the_global_generator_is_left_alone() -> None:
    before = np.random.get_state()[1].copy()  # type: ignore[index, union-attr]
    one, again, other = (mixing(mixup=1.0)(IMAGES, LABELS, words)[0] for words in ((0, 1), (0, 1), (0, 2)))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert (np.random.get_state()[1] == before).all()  # type: ignore[index]


def test_mixup_blends_images_and_targets_by_the_same_share() -> None:
    original = IMAGES.clone()
    images, targets = mixing(mixup=1.0)(IMAGES, LABELS, (3,))
    share = targets[1, 1].item()  # the second image is mixed with the third, of another class
    assert 0 < share < 1
    assert torch.allclose(images, share * original + (1 - share) * original.flip(0), atol=1e-6)
    assert torch.equal(IMAGES, original)
    assert torch.allclose(targets.sum(1), torch.ones(4))


def test_cutmix_takes_a_rectangle_whose_share_the_targets_have() -> None:
    images, targets = mixing(cutmix=1.0)(IMAGES, LABELS, (5,))
    foreign = (images[1] != IMAGES[1]).any(0)
    assert torch.equal(images[1][:, foreign], IMAGES[2][:, foreign])
    assert 1 - targets[1, 1].item() == foreign.float().mean().item()


def test_smoothing_is_in_the_targets() -> None:
    _, targets = mixing(mixup=1.0, label_smoothing=0.3)(IMAGES, LABELS, (3,))
    assert torch.allclose(targets[0], torch.tensor([0.8, 0.1, 0.1]))  # mixed with its own class
