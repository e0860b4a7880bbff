"""How images are shown: against plain implementations, and as functions of their seed alone."""

import random
from dataclasses import replace

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
    two_view,
    varied_view,
)
from helixnas.data.config import VARIED_ALONE, TwoViewConfig

STILL = TwoViewConfig(min_area=1.0, flip=0.0, jitter=0.0, grey=0.0, blur=(0.0, 0.0), solarize=(0.0, 0.0))
"""Two views that differ only where a setting is changed."""


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


def view_of(image: Image.Image, number: int = 0, row: int = 0, **settings: object) -> np.ndarray:
    config = replace(STILL, **settings)  # type: ignore[arg-type]
    return two_view(image, image_size=32, config=config, view=number, words=(1, 2, 0, number, row)).astype(int)


def test_a_view_is_a_function_of_its_settings_and_words(photo: Image.Image) -> None:
    common = {"image_size": 32, "config": TwoViewConfig(), "view": 1}
    one, same, other = (two_view(photo, **common, words=(1, 2, 0, 1, row)) for row in (7, 7, 8))  # type: ignore[arg-type]
    assert one.shape == (32, 32, 3)
    assert (one == same).all()
    assert (one != other).any()


def test_without_variations_a_square_image_of_that_size_is_shown_as_it_is() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    assert (view_of(Image.fromarray(pixels)) == pixels).all()


@pytest.mark.parametrize(
    ("settings", "shares"),
    [
        ({"grey": 0.25}, (0.25, 0.25)),
        ({"flip": 0.5}, (0.5, 0.5)),
        ({"jitter": 0.75}, (0.75, 0.75)),
        ({"solarize": (0.0, 0.25)}, (0.0, 0.25)),
    ],
)
def test_every_variation_changes_its_share_of_either_view(
    settings: dict[str, object], shares: tuple[float, float]
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    for number, share in enumerate(shares):
        changed = [(view_of(Image.fromarray(pixels), number, row, **settings) != pixels).any() for row in range(80)]
        assert abs(sum(changed) / 80 - share) < 0.17


def test_variations_do_what_they_say() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    photo, plain = Image.fromarray(pixels), pixels.astype(int)
    assert np.ptp(view_of(photo, grey=1.0), axis=2).max() == 0
    assert (view_of(photo, solarize=(1.0, 0.0)) == np.where(plain >= 128, 255 - plain, plain)).all()
    assert (view_of(photo, flip=1.0) == plain[:, ::-1]).all()


def test_blur_is_that_of_its_view_and_weaker_on_small_images() -> None:
    rng, config = np.random.default_rng(0), replace(STILL, blur=(1.0, 0.0))
    kept = []
    for size in (32, 224):
        noise = Image.fromarray(rng.integers(0, 256, (size, size, 3), dtype=np.uint8))
        first, second = (two_view(noise, image_size=size, config=config, view=view, words=(4,)) for view in (0, 1))
        assert (second == np.asarray(noise)).all()
        kept.append(first.std() / second.std())
    assert kept[1] < 0.7 < 0.9 < kept[0]


def test_crops_keep_at_least_the_least_area() -> None:
    ramp = np.broadcast_to(np.arange(32, dtype=np.uint8)[:, None, None] * 8, (32, 32, 3))
    kept = [np.ptp(view_of(Image.fromarray(ramp.copy()), 0, row, min_area=0.5)[..., 0]) / 248 for row in range(100)]
    assert 0.4 < min(kept) < 0.8  # an area of .5 with aspect ratio 3/4 has .61 of the height, resized with some blur


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
