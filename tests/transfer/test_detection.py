"""Losses leave crowds out; mean average precision is COCO's."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from helixnas.engine import Runtime
from helixnas.transfer.detection import detection_loss, evaluate_detection
from helixnas.transfer.scenes.augmentation import Augmentation
from helixnas.transfer.scenes.images import SceneBatch, SceneImages
from helixnas.transfer.scenes.reading import open_scenes
from helixnas.transfer.scenes.scene import Boxes


class Oracle(nn.Module):
    """Finds bright squares, and adds a box of each given kind."""

    def __init__(self, *, also: list[float] | None = None) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))
        self.also = also
        self.seen: list[Any] = []

    def forward(self, images: list[Tensor], targets: list[dict[str, Tensor]] | None = None) -> Any:
        if targets is not None:
            self.seen = targets
            return {"one": self.weight * 2, "two": self.weight}
        return [self._found(image) for image in images]

    def _found(self, image: Tensor) -> dict[str, Tensor]:
        rows, columns = torch.nonzero(image[0] > 0.5, as_tuple=True)
        boxes = [self.also] if self.also else []
        if len(rows):
            ends = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
            boxes = [[float(end) for end in ends], *boxes]
        labels = torch.full((len(boxes),), 2)
        return {
            "boxes": torch.tensor(boxes).reshape(-1, 4),
            "labels": labels,
            "scores": torch.linspace(0.9, 0.5, len(boxes)),
        }


def batch() -> SceneBatch:
    corners = np.array([[0, 0, 4, 4], [1, 1, 3, 3]], np.float32)
    boxes = Boxes(corners=corners, labels=np.array([1, 0]), crowd=np.array([False, True]))
    return SceneBatch(images=[torch.zeros(3, 8, 8)], labels=None, boxes=(boxes,))


def test_the_loss_is_the_sum_of_the_detector_s_without_crowds() -> None:
    model = Oracle()
    assert float(detection_loss(model, batch()).detach()) == 3.0
    assert model.seen[0]["labels"].tolist() == [2]
    assert model.seen[0]["boxes"].tolist() == [[0, 0, 4, 4]]


@pytest.mark.parametrize(("also", "least", "most"), [(None, 0.999, 1.001), ([1.0, 1.0, 9.0, 9.0], 0.5, 1.001)])
def test_a_perfect_detector_has_an_average_precision_of_one(
    objects: Any, runtime: Runtime, also: list[float] | None, least: float, most: float
) -> None:
    augmentation = Augmentation(image_size=32, scales=(1.0, 1.0), flip=False, color_jitter=0.0)
    own = SceneImages(scenes=open_scenes(objects, task="detection", split="train"), augmentation=augmentation)
    figures = evaluate_detection(Oracle(also=also), own, runtime=runtime)
    assert least < figures["map50"] < most
    assert figures["class_ap"]["blob"] is None  # a crowd alone is no object to find
    assert figures["class_ap"]["square"] == pytest.approx(figures["map"])
    assert figures["num_images"] == 6
