"""Intersection over union, in closed form and beside torchmetrics' own."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torchmetrics.classification import MulticlassJaccardIndex

from helixnas.engine import Runtime
from helixnas.errors import OutOfMemoryError
from helixnas.transfer.segmentation import PixelCounts, count_pixels, predict_classes, segmentation_figures


def test_counts_give_the_iou_of_the_definition() -> None:
    counts = PixelCounts(counts=np.array([[[3, 1, 0], [1, 0, 0], [0, 1, 0]], [[1, 1, 0], [0, 2, 0], [2, 0, 0]]]))
    assert counts.class_iou[:2].tolist() == [4 / 7, 2 / 5]
    assert np.isnan(counts.class_iou[2])
    assert counts.mean_iou == pytest.approx((4 / 7 + 2 / 5) / 2)
    assert counts.pixel_accuracy == 6 / 9


def test_the_mean_over_images_is_that_of_torchmetrics() -> None:
    generator = torch.Generator().manual_seed(0)
    truth = torch.randint(0, 3, (4, 8, 8), generator=generator)
    found = torch.where(torch.rand(4, 8, 8, generator=generator) < 0.6, truth, (truth + 1) % 3)
    truth[0, :2] = -100
    counts = PixelCounts(counts=np.stack([count_pixels(one, two, 3) for one, two in zip(found, truth, strict=True)]))
    metric = MulticlassJaccardIndex(3, average="none", ignore_index=-100)
    expected = metric(found, truth)
    assert counts.class_iou == pytest.approx(expected.numpy(), abs=1e-6)
    low, high = counts.interval()
    assert low < counts.mean_iou < high
    assert (low, high) == counts.interval()


def test_figures_name_the_classes() -> None:
    counts = PixelCounts(counts=np.array([[[3, 0], [0, 0], [1, 0]]]))
    figures = segmentation_figures(counts, ("road", "sky"))
    assert figures["class_iou"] == {"road": 0.75, "sky": None}
    assert figures["miou"] == figures["pixel_accuracy"] == 0.75
    assert figures["miou_interval"] == [0.75, 0.75]
    assert figures["num_images"] == 1


@pytest.mark.parametrize(("fixed", "message"), [(0, "short_side=24; try short_side=12"), (64, "image_size=64; try")])
def test_a_full_memory_names_the_setting_of_the_size(fixed: int, message: str, runtime: Runtime) -> None:
    class Full(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            raise torch.OutOfMemoryError

    model = Full()
    model.fixed = fixed
    with pytest.raises(OutOfMemoryError, match=f"out of memory with {message}"):
        predict_classes(model, torch.zeros(1, 3, 24, 32), (24, 32), runtime)
