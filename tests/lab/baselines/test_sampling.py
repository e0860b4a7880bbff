"""Uniform means every network as likely; strictly fair means every operation of a layer as often in every step."""

from collections import Counter

import pytest

from helixnas.lab.baselines.sampling import draw_fairly, draw_uniformly
from helixnas.space import SearchSpace, macro


def test_uniform_draws_reach_every_network_about_as_often(space: SearchSpace) -> None:
    seen = Counter(draw_uniformly(space, seed=0, step=step)[0].text for step in range(1800))
    assert len(seen) == space.size
    assert 22 < min(seen.values()) <= max(seen.values()) < 82


@pytest.mark.parametrize("made", [macro(depths=(2, 2, 1)), None])
def test_a_fair_step_covers_every_operation_of_its_cells_equally_often(
    made: SearchSpace | None, space: SearchSpace
) -> None:
    chosen = made or space
    for step in range(6):
        drawn = draw_fairly(chosen, seed=3, step=step)
        for block, paths in zip(chosen.blocks, zip(*(each.paths for each in drawn), strict=True), strict=True):
            (cell,) = {block.cell_of(path) for path in paths}
            assert cell is not None
            for layer, operations in enumerate(cell.layers):
                seen = Counter(path.operations[layer] for path in paths)
                assert set(seen) == set(operations)
                assert len(set(seen.values())) == 1


def test_with_as_many_operations_everywhere_each_is_trained_once_a_step(space: SearchSpace) -> None:
    for step in range(4):
        drawn = draw_fairly(space, seed=0, step=step)
        assert len(drawn) == 2  # kernels 3 and 5
        assert all(len({each.paths[0].operations[0] for each in drawn}) == 2 for _ in drawn)


def test_cells_take_turns(space: SearchSpace) -> None:
    depths = [draw_fairly(space, seed=1, step=step)[0].paths[0].depth for step in range(20)]
    assert all({*depths[turn : turn + 2]} == {1, 2} for turn in range(0, 20, 2))
    assert depths[::2] != [depths[0]] * 10


def test_draws_depend_on_seed_and_step(space: SearchSpace) -> None:
    for draw in (draw_uniformly, draw_fairly):
        steps = [[each.text for step in range(8) for each in draw(space, seed=seed, step=step)] for seed in (0, 0, 1)]
        assert steps[0] == steps[1] != steps[2]
