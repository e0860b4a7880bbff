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
