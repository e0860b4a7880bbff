"""Accuracy and loss of a classifier."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from helixnas.engine.batches import LabelledImages, Normalize, require_labels
from helixnas.engine.runtime import Runtime, explain_out_of_memory


@dataclass(frozen=True)
class Evaluation:
    """Top-1 accuracy, mean cross-entropy and top-5 accuracy of a classifier on some images; accuracies are 0 .. 1."""

    accuracy: float
    loss: float
    num_images: int
    top5: float


def evaluate(
    model: nn.Module, images: LabelledImages, *, batch_size: int, runtime: Runtime, normalize: Normalize
) -> Evaluation:
    """Return accuracies and cross-entropy of a model in eval mode over all images."""
    right, among, total, loss = 0, 0, 0, 0.0
    for logits, labels in _answers(model, images, batch_size=batch_size, runtime=runtime, normalize=normalize):
        right += int((logits.argmax(1) == labels).sum())
        among += int((logits.topk(min(5, logits.shape[1])).indices == labels[:, None]).sum())
        loss += float(F.cross_entropy(logits, labels, reduction="sum"))
        total += len(labels)
    return Evaluation(accuracy=right / total, loss=loss / total, num_images=total, top5=among / total)


def right_by_image(
    model: nn.Module, images: LabelledImages, *, batch_size: int, runtime: Runtime, normalize: Normalize
) -> npt.NDArray[np.bool_]:
    """Return for every image, in order, whether the largest logit is that of its class; the mean is the top-1 accuracy."""
    answers = _answers(model, images, batch_size=batch_size, runtime=runtime, normalize=normalize)
    return np.concatenate([(logits.argmax(1) == labels).cpu().numpy() for logits, labels in answers])


def _answers(
    model: nn.Module, images: LabelledImages, *, batch_size: int, runtime: Runtime, normalize: Normalize
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the logits of a model in eval mode and the labels, batch by batch, images in order."""
    model.eval()
    stream = images.batches(
        batch_size=batch_size, seed=0, epoch=0, augment=False, shuffle=False, skip=0, drop_last=False
    )
    for batch in runtime.ahead(stream, thread_safe=True):
        with torch.no_grad(), runtime.autocast(), explain_out_of_memory("batch_size", batch_size):
            logits = model(normalize(runtime.images(batch.images))).float()
        yield logits, require_labels(batch.labels, "the accuracy").to(logits.device)
