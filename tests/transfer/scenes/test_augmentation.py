"""What moves an image moves its mask and its boxes."""

from typing import Any

import pytest
import torch
from torchvision import tv_tensors

from helixnas.errors import DataError
from helixnas.transfer.scenes.augmentation import Augmentation
from helixnas.transfer.scenes.scene import VOID


def augmentation(**settings: Any) -> Augmentation:
    return Augmentation(**{"image_size": 24, "scales": (0.5, 2.0), "flip": True, "color_jitter": 0.0, **settings})


def halves() -> tuple[tv_tensors.Image, tv_tensors.Mask]:
    """Return an image of a dark and a bright half, and its mask."""
    mask = torch.zeros(1, 40, 60, dtype=torch.uint8)
    mask[..., 30:] = 1
    return tv_tensors.Image((mask * 200 + 20).expand(3, -1, -1).contiguous()), tv_tensors.Mask(mask)


@pytest.mark.parametrize("seed", range(8))
def test_a_mask_stays_on_its_image(seed: int) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        image, mask = augmentation().with_mask(*halves())
    assert image.shape == (3, 24, 24)
    assert mask.shape == (1, 24, 24)
    labelled = mask[0] != VOID
    bright = image[1] > 120
    wrong = (bright != mask[0].bool()) & labelled
    assert wrong.sum() <= 24  # at most the blurred column of the edge
    assert bool((image[1][~labelled] == 116).all())


def test_padding_is_void_in_a_small_image() -> None:
    image, mask = augmentation(image_size=64, scales=(1.0, 1.0)).with_mask(*halves())
    assert int((mask == VOID).sum()) == 64 * 64 - 40 * 60
    assert image.shape == (3, 64, 64)


def test_every_crop_has_a_pixel_of_a_class() -> None:
    mask = torch.full((1, 400, 400), VOID, dtype=torch.uint8)
    mask[0, 3, 390] = 1
    image = tv_tensors.Image(torch.zeros(3, 400, 400, dtype=torch.uint8))
    shown, labels = augmentation(scales=(1.0, 1.0)).with_mask(image, tv_tensors.Mask(mask))
    assert shown.shape[-2:] == labels.shape[-2:] == (24, 24)
    assert int((labels == 1).sum()) == 1
    with pytest.raises(DataError, match="its mask has no pixel of a class, only void"):
        augmentation().with_mask(image, tv_tensors.Mask(torch.full((1, 400, 400), VOID, dtype=torch.uint8)))


def test_boxes_are_mirrored_with_their_image() -> None:
    image = torch.zeros(3, 10, 20, dtype=torch.uint8)
    image[:, 2:5, 1:7] = 255
    boxes = tv_tensors.BoundingBoxes(torch.tensor([[1.0, 2, 7, 5]]), format="XYXY", canvas_size=(10, 20))
    seen = set()
    for seed in range(8):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            shown, moved = augmentation().with_boxes(tv_tensors.Image(image), boxes)
        left, top, right, bottom = (int(value) for value in moved[0])
        assert bool((shown[:, top:bottom, left:right] == 255).all())
        assert int((shown == 255).sum()) == 3 * 18
        seen.add(left)
    assert seen == {1, 13}


def test_colours_change_and_shapes_stay() -> None:
    image, mask = halves()
    shown, labels = augmentation(color_jitter=0.5, flip=False, scales=(1.0, 1.0), image_size=60).with_mask(image, mask)
    inside = shown[:, (labels[0] != VOID)]
    assert set(inside.unique().tolist()) != {20, 220}
