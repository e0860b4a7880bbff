"""How images are shown: against plain implementations, and as functions of their seed alone."""

import random

import numpy as np
import pytest
import torch
from PIL import Image

from helixnas.data.augmentation import (
    VARIATIONS,
    as_images,
    augmentation_numbers,
    centre_view,
    padding_for,
    seeded,
    shift_and_flip,
    varied_view,
)
from helixnas.data.config import VARIED_ALONE


@pytest.fixture
def photo() -> Image.Image:
    return Image.fromarray(np.random.default_rng(3).integers(0, 256, (90, 120, 3), dtype=np.uint8))


@pytest.mark.parametrize("flip", [True, False])
def test_shifting_and_flipping_a_batch_agrees_with_doing_it_image_by_image(flip: bool) -> None:
    rng = np.random.default_rng(0)
    images, numbers = rng.integers(0, 256, (40, 8, 8, 3), dtype=np.uint8), rng.random((40, 3))
    result = shift_and_flip(images, numbers, padding=2, flip=flip)
    for image, (down, right, mirror), shown in zip(images, numbers, result, strict=True):
        padded = np.pad(image, ((2, 2), (2, 2), (0, 0)))
        top, left = int(down * 5), int(right * 5)
        expected = padded[top : top + 8, left : left + 8]
        assert (shown == (expected[:, ::-1] if flip and mirror < 0.5 else expected)).all()


def test_every_shift_and_both_sides_occur_equally() -> None:
    numbers = augmentation_numbers(seed=5, epoch=0, view=0, num_images=9000)
    rows = np.bincount((numbers[:, 0] * 9).astype(int))
    assert len(rows) == 9
    assert (abs(rows - 1000) < 150).all()
    assert abs((numbers[:, 2] < 0.5).mean() - 0.5) < 0.02


def test_seed_epoch_and_view_each_give_other_numbers() -> None:
    settings = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)]
    tables = [augmentation_numbers(seed=s, epoch=e, view=v, num_images=4) for s, e, v in settings]
    assert len({table.tobytes() for table in tables}) == len(settings)


def test_an_image_already_at_size_is_shown_unchanged() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    shown = centre_view(Image.fromarray(pixels), image_size=32, crop_ratio=0.5, interpolation="bicubic")
    assert (shown == pixels).all()


def test_a_larger_image_is_shown_as_timm_shows_it(photo: Image.Image) -> None:
    from timm.data import create_transform

    transform = create_transform(64, is_training=False, crop_pct=0.875, interpolation="bicubic", normalize=False)
    shown = centre_view(photo, image_size=64, crop_ratio=0.875, interpolation="bicubic")
    assert (shown == transform(photo).permute(1, 2, 0).numpy()).all()


def test_a_smaller_image_is_shown_without_a_margin() -> None:
    image = Image.new("RGB", (8, 8), "black")
    image.putpixel((0, 0), (255, 255, 255))
    shown = centre_view(image, image_size=32, crop_ratio=0.5, interpolation="bilinear")
    assert shown.shape == (32, 32, 3)
    assert shown[0, 0].tolist() == [255, 255, 255]


def test_the_imagenet_view_is_a_function_of_its_words(photo: Image.Image) -> None:
    one, same, other = (
        varied_view(photo, image_size=32, augmentation="imagenet", words=(1, 2, 0, 0, row)) for row in (7, 7, 8)
    )
    assert one.shape == (32, 32, 3)
    assert (one == same).all()
    assert (one != other).any()


def test_the_imagenet_view_erases_half_of_the_images_with_the_mean_colour(photo: Image.Image) -> None:
    white = Image.new("RGB", photo.size, (250, 10, 250))
    views = [varied_view(white, image_size=32, augmentation="imagenet", words=(row,)) for row in range(200)]
    erased = [(view == (124, 116, 104)).all(axis=2).mean() for view in views]
    assert 70 < sum(share > 0 for share in erased) < 130
    assert 0.25 < max(erased) < 0.4


@pytest.mark.parametrize("augmentation", VARIED_ALONE)
def test_every_variation_can_be_drawn_again_and_again(photo: Image.Image, augmentation: str) -> None:
    views = [varied_view(photo, image_size=16, augmentation=augmentation, words=(row,)) for row in range(150)]
    assert len({view.tobytes() for view in views}) == 150


def test_every_augmentation_of_single_images_is_described() -> None:
    assert tuple(VARIATIONS) == VARIED_ALONE


def test_seeding_for_a_sample_leaves_the_global_generators_alone() -> None:
    np.random.seed(1)
    torch.manual_seed(1)
    expected = np.random.random(), torch.rand(1).item()
    np.random.seed(1)
    torch.manual_seed(1)
    for seed in (4, 5):
        with pytest.raises(KeyError), seeded((seed,)):
            _draw_and_fail(expected)
    assert (np.random.random(), torch.rand(1).item()) == expected


def _draw_and_fail(outside: tuple[float, float]) -> None:
    assert (np.random.random(), torch.rand(1).item()) != outside
    raise KeyError


def test_seeding_for_a_sample_seeds_all_three_generators() -> None:
    draws = []
    for _ in range(2):
        with seeded((4, 5)):
            draws.append((random.random(), np.random.random(), torch.rand(1).item()))
    assert draws[0] == draws[1]


def test_bytes_become_floats_as_torchvision_makes_them() -> None:
    from torchvision.transforms.functional import to_tensor

    pixels = np.random.default_rng(0).integers(0, 256, (2, 4, 6, 3), dtype=np.uint8)
    images = as_images(torch.from_numpy(pixels))
    assert images.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(images, torch.stack([to_tensor(image) for image in pixels]))


@pytest.mark.parametrize(("size", "padding"), [(8, 1), (32, 4), (96, 12), (1, 1)])
def test_the_padding_is_an_eighth(size: int, padding: int) -> None:
    assert padding_for(size) == padding
