"""Linear classifiers on frozen features: against scikit-learn, and where classes are missing."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from helixnas.data import ImageSet
from helixnas.engine import Runtime
from helixnas.errors import DataError
from helixnas.rating import fit_classifier, pooled_features, probe
from helixnas.teacher import Teacher

MakeImages = Callable[[int], ImageSet]


def clouds(num_classes: int, number: int = 90) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = np.arange(number) % num_classes
    centres = rng.normal(size=(num_classes, 4)) * 3
    return (centres[labels] + rng.normal(size=(number, 4)) * [1, 10, 0.1, 1]).astype(np.float32), labels


@pytest.mark.parametrize("num_classes", [2, 3])
def test_the_classifier_is_logistic_regression_on_standardised_features(num_classes: int) -> None:
    features, labels = clouds(num_classes)
    layer = fit_classifier(features, labels, num_classes=num_classes)
    scaled = StandardScaler().fit_transform(features)
    expected = LogisticRegression(max_iter=200).fit(scaled, labels).predict_proba(scaled)
    found = layer(torch.from_numpy(features)).softmax(1).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-3)
    assert probe(layer, features, labels).accuracy > 0.9


def test_a_class_without_an_image_is_never_predicted() -> None:
    features, labels = clouds(2)
    layer = fit_classifier(features, labels * 3, num_classes=5)
    assert set(layer(torch.from_numpy(features)).argmax(1).tolist()) == {0, 3}
    only = fit_classifier(features, np.full(len(labels), 2), num_classes=5)
    assert set(only(torch.from_numpy(features)).argmax(1).tolist()) == {2}


def test_features_are_the_teachers_last_averaged_over_space(
    teacher: Teacher, make_images: MakeImages, runtime: Runtime
) -> None:
    images = make_images(20)
    features, labels = pooled_features(teacher, images, num_images=12, batch_size=8, runtime=runtime, seed=3)
    (whole,) = images.batches(batch_size=20, seed=3, augment=False, shuffle=True)
    assert whole.labels is not None
    assert labels.tolist() == whole.labels[:12].tolist()
    with torch.no_grad():
        expected = teacher.features(whole.images[:12])[-1].mean((2, 3))
    np.testing.assert_allclose(features, expected.numpy(), rtol=1e-5, atol=1e-6)


def test_images_without_labels_are_an_error(
    teacher: Teacher, in_memory: Callable[..., ImageSet], runtime: Runtime
) -> None:
    images = in_memory(np.zeros((4, 8, 8, 3), dtype=np.uint8))
    with pytest.raises(DataError, match="a linear readout needs labels"):
        pooled_features(teacher, images, num_images=4, batch_size=4, runtime=runtime, seed=0)
