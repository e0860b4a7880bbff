"""Drawing images evenly by class, so that the drawn images have the class frequencies of all.

Systematic sampling: the images are ordered by class, at random within each, and every (images / drawn)-th is taken. The
count of every class is then within one of its exact share, even with more classes than drawn images.
"""

import numpy as np
from jaxtyping import Int64


def draw_evenly(
    *, num_images: int, num_drawn: int, labels: Int64[np.ndarray, " images"] | None, rng: np.random.Generator | None
) -> Int64[np.ndarray, " drawn"]:
    """Return positions of `num_drawn` of `num_images` images, ascending, with the same share of every class.

    Without `rng` they are evenly spaced instead of random.

    >>> draw_evenly(num_images=6, num_drawn=2, labels=np.array([0, 0, 0, 1, 1, 1]), rng=None).tolist()
    [0, 3]
    """
    assert 0 <= num_drawn <= num_images
    order = np.arange(num_images) if rng is None else rng.permutation(num_images)
    if labels is not None:
        order = order[np.argsort(labels[order], kind="stable")]
    start = 0 if rng is None else int(rng.integers(num_images))
    return np.sort(order[(np.arange(num_drawn) * num_images + start) // max(num_drawn, 1)])
