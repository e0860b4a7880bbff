"""Evaluating a segmenter: intersection over union per class, its mean, and pixel accuracy, by torchmetrics.

Counts are kept per image, so that the interval of the mean IoU comes from resampling images, not pixels.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Int
from torch import Tensor, nn

from helixnas.engine import Runtime, explain_out_of_memory
from helixnas.engine.batches import Normalize
from helixnas.engine.progress import Advance
from helixnas.errors import DataError
from helixnas.transfer.extra import require_extra
from helixnas.transfer.scenes.images import IGNORED, SceneImages

NUM_RESAMPLES = 1000
INTERVAL = (2.5, 97.5)
"""Percentiles of the bootstrap."""


@dataclass(frozen=True, kw_only=True)
class PixelCounts:
    """Pixels of each image and class: those of both prediction and truth, of the prediction alone, of the truth alone."""

    counts: Int[np.ndarray, "images 3 classes"]

    @property
    def class_iou(self) -> np.ndarray:
        """Intersection over union of every class over all images; NaN for a class that is nowhere."""
        return _iou(self.counts.sum(0))

    @property
    def mean_iou(self) -> float:
        """Mean of the classes that occur."""
        return float(np.nanmean(self.class_iou))

    @property
    def pixel_accuracy(self) -> float:
        """Share of labelled pixels whose class has the largest logit."""
        both, _, missed = self.counts.sum((0, 2))
        return float(both / (both + missed))

    def interval(self, *, seed: int = 0) -> tuple[float, float]:
        """Return the 95 % interval of the mean IoU, from 1,000 resamples of the images."""
        generator, number = np.random.default_rng(seed), len(self.counts)
        means = [
            float(np.nanmean(_iou(self.counts[generator.integers(number, size=number)].sum(0))))
            for _ in range(NUM_RESAMPLES)
        ]
        low, high = np.percentile(means, INTERVAL)
        return float(low), float(high)


def _iou(counts: np.ndarray) -> np.ndarray:
    union = counts.sum(0)
    return np.where(union > 0, counts[0] / np.maximum(union, 1), np.nan)


def count_pixels(prediction: Int[Tensor, "..."], truth: Int[Tensor, "..."], num_classes: int) -> np.ndarray:
    """Return the counts of one image, (3, classes), from predicted and true classes of its pixels; -100 is void.

    >>> count_pixels(torch.tensor([0, 0, 1]), torch.tensor([0, 1, -100]), 2).tolist()
    [[1, 0], [1, 0], [0, 1]]
    """
    from torchmetrics.functional.classification import multiclass_stat_scores

    scores = multiclass_stat_scores(
        prediction.flatten()[None], truth.flatten()[None], num_classes, average="none", ignore_index=IGNORED
    )
    right, wrong, _, missed, _ = scores.reshape(num_classes, 5).T
    return torch.stack([right, wrong, missed]).cpu().numpy().astype(np.int64)


def predict_classes(model: nn.Module, images: Tensor, size: tuple[int, int], runtime: Runtime) -> Tensor:
    """Return the class of every pixel, (batch, height, width), of normalised images, at another size of the map."""
    fixed: int = getattr(model, "fixed", 0)
    setting, side = ("image_size", fixed) if fixed else ("short_side", min(images.shape[-2:]))
    with torch.no_grad(), runtime.autocast(), explain_out_of_memory(setting, side):
        logits = model(runtime.images(images)).float()
    if tuple(logits.shape[2:]) != size:
        logits = F.interpolate(logits, size, mode="bilinear", align_corners=False)
    return logits.argmax(1)


def evaluate_segmentation(
    model: nn.Module, images: SceneImages, *, runtime: Runtime, normalize: Normalize, advance: Advance | None = None
) -> PixelCounts:
    """Return the counts of every image, at the size it is stored in; raises `DataError` if all pixels are void."""
    require_extra("torchmetrics")
    model.eval()
    counts: list[np.ndarray] = []
    for batch in images.batches(batch_size=1):
        assert batch.labels is not None, "scenes of segmentation have masks"
        found = predict_classes(model, normalize(batch.images), tuple(batch.labels.shape[1:]), runtime)  # pyright: ignore
        counts.append(count_pixels(found.cpu(), batch.labels, images.num_classes))
        if advance is not None:
            advance(len(counts))
    total = PixelCounts(counts=np.stack(counts))
    if not total.counts[:, (0, 2)].any():
        raise DataError(f"the masks of {images.scenes.title} have no pixel of a class, only void")
    return total


def segmentation_figures(counts: PixelCounts, class_names: tuple[str, ...]) -> dict[str, Any]:
    """Return figures for a record: miou, its interval, pixel_accuracy, class_iou (None: the class is nowhere), num_images."""
    ious = [None if np.isnan(value) else float(value) for value in counts.class_iou]
    return {
        "miou": counts.mean_iou,
        "miou_interval": list(counts.interval()),
        "pixel_accuracy": counts.pixel_accuracy,
        "class_iou": dict(zip(class_names, ious, strict=True)),
        "num_images": len(counts.counts),
    }
