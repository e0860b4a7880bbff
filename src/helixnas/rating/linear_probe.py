"""Linear probe: how well a linear classifier tells classes apart from a network's frozen features (DNA++).

A teacher that learned without labels has no head to be judged by. The accuracy of a linear classifier on its pooled last
features, beside that of the same network before it learned, shows whether something was learned.
"""

import warnings
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float32, Int64
from torch import Tensor, nn

from helixnas.data import ImageSet
from helixnas.engine.runtime import Runtime
from helixnas.teacher import Teacher

MAX_ITERATIONS = 200
"""Iterations of the solver; a classifier that has not converged by then is used as it is."""

UNSEEN = -1e4
"""Logit of a class of which no image was fitted on."""


@dataclass(frozen=True)
class Probe:
    """The share of images that a linear classifier on frozen features classifies right, and of how many."""

    accuracy: float
    num_images: int


def pooled_features(
    teacher: Teacher, images: ImageSet, *, num_images: int, batch_size: int, runtime: Runtime, seed: int
) -> tuple[Float32[np.ndarray, "images channels"], Int64[np.ndarray, " images"]]:
    """Return the teacher's Y_N of so many images without augmentation, averaged over space, and their labels.

    Raises `DataError` if the images have no labels.
    """
    images.require_labels("a linear readout")
    features: list[Tensor] = []
    labels: list[Tensor] = []
    size = min(batch_size, len(images))
    for batch in images.batches(batch_size=size, seed=seed, augment=False, shuffle=True):
        with torch.no_grad(), runtime.autocast():
            last = teacher.features(runtime.images(batch.images))[-1]
        features.append(last.float().mean((2, 3)).cpu())
        assert batch.labels is not None, "required above"
        labels.append(batch.labels)
        if len(features) * size >= num_images:
            break
    return torch.cat(features)[:num_images].numpy(), torch.cat(labels)[:num_images].numpy()


def fit_classifier(
    features: Float32[np.ndarray, "images channels"], labels: Int64[np.ndarray, " images"], *, num_classes: int
) -> nn.Linear:
    """Return the linear classifier of least cross-entropy with L2 penalty, on features standardised over the images.

    A class without an image is never predicted.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    mean, scale = features.mean(0), features.std(0) + 1e-6
    layer = nn.Linear(features.shape[1], num_classes)
    present = np.unique(labels)
    weights, biases = np.zeros((len(present), features.shape[1])), np.zeros(len(present))
    if len(present) > 1:
        solver = LogisticRegression(max_iter=MAX_ITERATIONS)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # MAX_ITERATIONS says what happens then
            solver.fit((features - mean) / scale, labels)
        found = np.asarray(solver.coef_), np.asarray(solver.intercept_)
        first = len(present) - len(found[1])  # of two classes, scikit-learn stores the second alone
        weights[first:], biases[first:] = found
    weights /= scale
    with torch.no_grad():
        layer.weight.zero_()
        layer.bias.fill_(UNSEEN)
        layer.weight[present] = torch.from_numpy(weights).float()
        layer.bias[present] = torch.from_numpy(biases - weights @ mean).float()
    return layer.requires_grad_(False)


def probe(
    classifier: nn.Linear, features: Float[np.ndarray, "images channels"], labels: Int64[np.ndarray, " images"]
) -> Probe:
    """Return how often a classifier is right.

    >>> layer = fit_classifier(np.float32([[0, 1], [0, 2], [1, 0]]), np.array([0, 0, 1]), num_classes=3)
    >>> probe(layer, np.float32([[0, 3], [5, 0]]), np.array([0, 1]))
    Probe(accuracy=1.0, num_images=2)
    """
    found = classifier(torch.from_numpy(features).float()).argmax(1).numpy()
    return Probe(float((found == labels).mean()), len(labels))
