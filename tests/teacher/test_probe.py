import pytest
import torch

from helixnas.teacher.probe import FEW_PLACES, MANY_PLACES, Places, cells, images, patches, wider


@pytest.mark.parametrize("places", [FEW_PLACES, MANY_PLACES], ids=["few", "many"])
@pytest.mark.parametrize("size", [(1, 1), (32, 32), (64, 96), (224, 224)])
def test_a_copy_differs_from_the_picture_in_its_patch_alone(places: Places, size: tuple[int, int]) -> None:
    picture, *marked = images((3, *size), places)
    assert len(marked) == len(places)
    for copy, (top, left, side) in zip(marked, patches(size, places), strict=True):
        changed = (copy != picture).all(0).nonzero()
        assert changed.min(0).values.tolist() == [top, left]
        assert len(changed) == int((copy != picture).any(0).sum()) == side**2


def test_patches_at_few_places_lie_in_the_four_quarters_of_the_picture() -> None:
    quarters = {(top + side / 2 > 32, left + side / 2 > 32) for top, left, side in patches((64, 64), FEW_PLACES)}
    assert len(quarters) == 4


def test_cells_are_those_whose_centres_lie_in_a_stretch_and_at_least_the_middle_one() -> None:
    assert cells(16, 32, 64, 8) == slice(2, 6)
    assert cells(16, 9, 64, 2) == slice(0, 1)
    assert wider(slice(0, 2), 8) == slice(0, 3)
    assert wider(slice(1, 2), 4) == slice(1, 2)
    assert torch.arange(8)[wider(slice(7, 8), 8)].tolist() == [6, 7]
