"""Shards: parts of the paths, which together are all of them, each once."""

import itertools

from helixnas.rating import Shard
from helixnas.space import Cell, Operation, macro

K3, K5 = (Operation.of(f"mb3_k{k}", kind="mbconv", kernel=k, expansion=3) for k in (3, 5))


def test_the_prefixes_of_a_cell_hold_each_of_its_paths_once_in_order() -> None:
    for cell in macro().blocks[0].cells:
        found = [Shard(prefix=number).paths(cell) for number in range(1, len(cell.layers[0]) + 1)]
        assert list(itertools.chain(*found)) == Shard().paths(cell) == list(cell.paths())


def test_tied_layers_have_one_path_per_prefix() -> None:
    cell = Cell(24, ((K3, K5),) * 2, ties=(2,))
    assert [path.text for path in Shard(prefix=2).paths(cell)] == ["24:mb3_k5,mb3_k5"]
