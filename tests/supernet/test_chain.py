import torch

from helixnas.space import macro
from helixnas.supernet import SupernetConfig, build_supernet, chain_features

SPACE = macro(name="small", widths=(4, 6), depths=(1, 2), stem_width=4, head_width=8)


@torch.no_grad()
def test_each_block_gets_what_the_block_before_made() -> None:
    supernet, images = build_supernet(SPACE, (5, 7), config=SupernetConfig(), seed=0), torch.rand(2, 3, 16, 16)
    first, second = SPACE.blocks[0].path(1), SPACE.blocks[1].path(8)
    y_1 = supernet.block(1).cell_of(first)(images, first, 4)
    y_2 = supernet.block(2).cell_of(second)(y_1, second, first.width)
    for paths, expected in (((), []), ((first,), [y_1]), ((first, second), [y_1, y_2])):
        found = chain_features(supernet, paths, images, previous_width=SPACE.stem_width)
        assert len(found) == len(expected)
        assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


@torch.no_grad()
def test_an_estimate_enters_a_bridge_as_the_mean_of_the_finer_features() -> None:
    supernet = build_supernet(
        SPACE, (5, 7), config=SupernetConfig(), seed=0, teacher_grids=[(16, 16), (4, 4)], input_size=(16, 16)
    )
    first, second = SPACE.blocks[0].path(1), SPACE.blocks[1].path(8)
    y_1, y_2 = chain_features(supernet, (first, second), torch.rand(2, 3, 16, 16), previous_width=4)
    assert y_1.shape == (2, 5, 8, 8)
    fine = y_1.repeat_interleave(2, 2).repeat_interleave(2, 3)
    expected = supernet.block(2).cell_of(second)(fine, second, first.width)
    assert torch.allclose(y_2, expected, atol=1e-5)
