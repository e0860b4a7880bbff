"""Drawing evenly by class."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from helixnas.data.stratify import draw_evenly


@given(st.lists(st.integers(0, 6), min_size=1, max_size=80), st.floats(0, 1), st.integers(0, 9))
def test_each_class_gets_its_share_to_within_one(classes: list[int], share: float, seed: int) -> None:
    labels = np.array(classes, dtype=np.int64)
    num_drawn = int(share * len(labels))
    drawn = draw_evenly(
        num_images=len(labels), num_drawn=num_drawn, labels=labels, rng=np.random.default_rng([seed, 0])
    )
    assert len(set(drawn.tolist())) == num_drawn
    assert (np.diff(drawn) > 0).all()
    exact = np.bincount(labels) * num_drawn / len(labels)
    assert (abs(np.bincount(labels[drawn], minlength=len(exact)) - exact) < 1).all()


def test_every_image_is_as_likely_to_be_drawn() -> None:
    labels = np.array([0] * 6 + [1] * 3, dtype=np.int64)
    counts = np.zeros(9)
    for seed in range(900):
        counts[draw_evenly(num_images=9, num_drawn=3, labels=labels, rng=np.random.default_rng([seed, 1]))] += 1
    assert (abs(counts / 900 - 1 / 3) < 0.07).all()


def test_without_labels_any_images_are_drawn_and_another_seed_draws_others() -> None:
    one, two = (
        draw_evenly(num_images=1000, num_drawn=100, labels=None, rng=np.random.default_rng([seed])) for seed in (0, 1)
    )
    assert len(np.intersect1d(one, two)) < 30
