"""Regions are disjoint, cover the same weights, and are views."""

import numpy as np
import torch

from helixnas.supernet import Region, disjoint, view_of, whole_region
from helixnas.supernet.regions import region_of


def covered(regions: tuple[Region, ...], shape: tuple[int, ...]) -> torch.Tensor:
    counts = torch.zeros(shape, dtype=torch.int64)
    for region in regions:
        view_of(counts, region).add_(1)
    return counts


def test_disjoint_regions_cover_the_union_once_whatever_the_rectangles() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        shape = tuple(int(size) for size in rng.integers(1, 7, rng.integers(1, 4)))
        regions: list[Region] = []
        for _ in range(rng.integers(1, 6)):
            edges = [sorted(rng.choice(size + 1, 2, replace=False).tolist()) for size in shape]
            regions.append(tuple((start, end) for start, end in edges))
        cut = disjoint(regions)
        assert torch.equal(covered(cut, shape), covered(tuple(regions), shape).clamp(max=1))


def test_a_nested_slice_adds_no_part() -> None:
    assert disjoint([((0, 2), (0, 3)), ((0, 4), (0, 5))]) == (((0, 4), (0, 5)),)


def test_prefix_and_suffix_that_overlap_make_strips() -> None:
    prefix, suffix = (region_of((3, 3), (4, 4), suffix=end) for end in (False, True))
    assert disjoint([prefix, suffix]) == (((0, 1), (0, 3)), ((1, 3), (0, 4)), ((3, 4), (1, 4)))


def test_a_view_is_of_the_same_memory_and_the_whole_is_the_tensor_itself() -> None:
    tensor = torch.zeros(4, 5)
    view_of(tensor, ((1, 3), (2, 5))).fill_(1)
    assert tensor.sum() == 6
    assert view_of(tensor, whole_region(tensor)) is tensor
    assert view_of(torch.tensor(2.0), ()) == 2
