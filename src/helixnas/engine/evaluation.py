"""Accuracy and loss of a classifier."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

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
    model.eval()
    stream = images.batches(
        batch_size=batch_size, seed=0, epoch=0, augment=False, shuffle=False, skip=0, drop_last=False
    )
    right, among, total, loss = 0, 0, 0, 0.0
    for batch in stream:
        with torch.no_grad(), runtime.autocast(), explain_out_of_memory("batch_size", batch_size):
            logits = model(normalize(runtime.images(batch.images))).float()
        labels = require_labels(batch.labels, "the accuracy").to(logits.device)
        right += int((logits.argmax(1) == labels).sum())
        among += int((logits.topk(min(5, logits.shape[1])).indices == labels[:, None]).sum())
        loss += float(F.cross_entropy(logits, labels, reduction="sum"))
        total += len(labels)
    return Evaluation(accuracy=right / total, loss=loss / total, num_images=total, top5=among / total)
