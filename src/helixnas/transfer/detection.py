"""Training and evaluating a detector: torchvision's losses, and mean average precision as COCO defines it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from helixnas.engine import Runtime, explain_out_of_memory
from helixnas.engine.progress import Advance
from helixnas.transfer.extra import require_extra
from helixnas.transfer.scenes.images import SceneBatch, SceneImages
from helixnas.transfer.scenes.scene import Boxes


def detection_loss(model: nn.Module, batch: SceneBatch) -> Tensor:
    """Return the sum of the four losses of Faster R-CNN; crowds are left out."""
    device = next(model.parameters()).device
    images = [image.to(device) for image in batch.images]
    losses = model(images, [_target(boxes, device) for boxes in batch.boxes])
    return torch.stack(list(losses.values())).sum()


def _target(boxes: Boxes, device: torch.device) -> dict[str, Tensor]:
    kept = ~boxes.crowd
    corners = torch.from_numpy(boxes.corners[kept]).reshape(-1, 4).to(device)
    return {"boxes": corners, "labels": torch.from_numpy(boxes.labels[kept]).to(device) + 1}


def detect(model: nn.Module, images: Sequence[Tensor], runtime: Runtime) -> list[dict[str, Tensor]]:
    """Return boxes, labels (from 0) and scores of images in [0, 1], best first."""
    transform: Any = getattr(model, "transform", None)  # of torchvision's detectors: it scales the images
    side = int(min(images[0].shape[1:]) if transform is None else transform.min_size[0])
    with torch.no_grad(), runtime.autocast(), explain_out_of_memory("image_size", side):
        found: list[dict[str, Tensor]] = model([image.to(runtime.device) for image in images])
    return [
        {
            "boxes": each["boxes"].float().cpu(),
            "labels": each["labels"].cpu() - 1,
            "scores": each["scores"].float().cpu(),
        }
        for each in found
    ]


def evaluate_detection(
    model: nn.Module, images: SceneImages, *, runtime: Runtime, advance: Advance | None = None
) -> dict[str, Any]:
    """Return figures for a record: map (IoU .5 to .95), map50, map75, class_ap (None: no such object), num_images.

    A crowd is neither right nor wrong, as in COCO. All are means over the classes that have objects.
    """
    require_extra("torchmetrics", "pycocotools")
    from torchmetrics.detection import MeanAveragePrecision

    metric = MeanAveragePrecision(iou_type="bbox", class_metrics=True, backend="pycocotools")
    model.eval()
    for number, batch in enumerate(images.batches(batch_size=1), start=1):
        metric.update(detect(model, batch.images, runtime), [_truth(boxes) for boxes in batch.boxes])
        if advance is not None:
            advance(number)
    return figures_of(metric.compute(), images.scenes.class_names, len(images))


def figures_of(found: dict[str, Tensor], class_names: Sequence[str], num_images: int) -> dict[str, Any]:
    """Return the figures in torchmetrics' result, in which -1 stands for no value."""
    own = zip(found["classes"].reshape(-1).tolist(), found["map_per_class"].reshape(-1).tolist(), strict=True)
    by_class = {int(number): value for number, value in own}
    class_ap = {name: _known(by_class.get(index, -1.0)) for index, name in enumerate(class_names)}
    values = {"map": "map", "map50": "map_50", "map75": "map_75"}
    shown = {name: _known(float(found[key])) for name, key in values.items()}
    return {**shown, "class_ap": class_ap, "num_images": num_images}


def _known(value: float) -> float | None:
    return None if value < 0 else value


def _truth(boxes: Boxes) -> dict[str, Tensor]:
    return {
        "boxes": torch.from_numpy(boxes.corners).reshape(-1, 4),
        "labels": torch.from_numpy(boxes.labels),
        "iscrowd": torch.from_numpy(boxes.crowd.astype(np.int64)),
    }
