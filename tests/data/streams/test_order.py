"""Blockwise order: every image once, few blocks open at a time, lanes that stay with one reader."""

import numpy as np
import pytest

from helixnas.data.source import Blocks
from helixnas.data.streams.order import blockwise_order, is_dense

BLOCKS = np.repeat(np.arange(200), np.random.default_rng(0).integers(20, 60, 200))


def test_every_image_comes_once_and_the_seed_decides_where() -> None:
    one, same, other = (blockwise_order(BLOCKS, 16, np.random.default_rng(seed)).order for seed in (1, 1, 2))
    assert np.array_equal(np.sort(one), np.arange(len(BLOCKS)))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_no_more_blocks_are_open_than_the_window_and_each_is_opened_once() -> None:
    order = blockwise_order(BLOCKS, 16, np.random.default_rng(0)).order
    met = BLOCKS[order]
    first = {block: np.flatnonzero(met == block)[0] for block in range(200)}
    last = {block: np.flatnonzero(met == block)[-1] for block in range(200)}
    open_at = [sum(first[block] <= step <= last[block] for block in first) for step in range(0, len(order), 50)]
    assert max(open_at) <= 17  # that of the next place may come before the last image of the one before
    assert np.median(open_at) >= 14


def test_a_block_is_spread_over_the_time_in_which_the_window_passes_it() -> None:
    found = blockwise_order(BLOCKS, 16, np.random.default_rng(0))
    middle = np.flatnonzero(found.places[found.order] == 100)
    of_batch = [len(np.unique(BLOCKS[found.order[start : start + 64]])) for start in range(1000, 5000, 64)]
    assert np.ptp(middle) > 8 * len(BLOCKS) / 200
    assert np.mean(of_batch) > 13  # of 16: nearly all that are open


def test_where_all_blocks_fit_any_order_is_possible() -> None:
    blocks = np.array([0, 0, 1, 1])
    seen = {tuple(blockwise_order(blocks, 2, np.random.default_rng(seed)).order.tolist()) for seed in range(400)}
    assert len(seen) == 24


def test_a_block_keeps_its_lane_and_blocks_of_a_lane_follow_each_other() -> None:
    found = blockwise_order(BLOCKS, 16, np.random.default_rng(0))
    assert all(len({*found.lanes[block == BLOCKS].tolist()}) == 1 for block in range(200))
    in_lane = found.places[found.order][found.lanes[found.order] == 5]
    assert np.array_equal(in_lane, np.sort(in_lane))
    assert {*in_lane.tolist()} == {*range(5, 200, 16)}


def test_a_batch_is_sorted_by_lane_so_that_parts_of_it_read_few_blocks() -> None:
    found = blockwise_order(BLOCKS, 16, np.random.default_rng(0))
    steps = [found.by_lane(found.order[start : start + 128]) for start in range(0, len(BLOCKS) - 128, 128)]
    assert all(np.array_equal(found.lanes[chunk], np.sort(found.lanes[chunk])) for chunk in steps)
    read = [
        np.unique(np.concatenate([BLOCKS[chunk[part * 32 : part * 32 + 32]] for chunk in steps])) for part in range(4)
    ]
    assert sum(map(len, read)) < 2.2 * 200  # 4 * 200 if the parts were drawn without lanes
    unsorted = [np.unique(BLOCKS[found.order[part::4]]) for part in range(4)]
    assert sum(map(len, unsorted)) > 3.9 * 200


def test_only_the_rows_of_a_set_count() -> None:
    rows = np.flatnonzero(BLOCKS % 2)
    found = blockwise_order(BLOCKS[rows], 8, np.random.default_rng(0))
    assert np.array_equal(np.sort(found.order), np.arange(len(rows)))
    assert found.places.max() == 99


def test_whole_blocks_are_worth_reading_for_a_quarter_of_their_images() -> None:
    assert is_dense(BLOCKS, np.arange(0, len(BLOCKS), 3))
    assert not is_dense(BLOCKS, np.arange(0, len(BLOCKS), 7))
    assert is_dense(BLOCKS, np.flatnonzero(BLOCKS == 3))


@pytest.mark.parametrize(("memory", "window"), [(0, 1), (99, 1), (250, 2), (10_000, 100)])
def test_the_window_is_what_fits_into_memory(memory: int, window: int) -> None:
    assert Blocks(of=np.zeros(1, dtype=np.int64), num_bytes=100, is_whole=True).window(memory) == window
