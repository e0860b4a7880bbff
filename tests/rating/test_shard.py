"""Shards: parts of the paths, which together are all of them, each once."""

import itertools
from collections.abc import Callable

import pytest

from helixnas.rating import Shard
from helixnas.rating.shard import share_out
from helixnas.space import Cell, Operation, macro
from helixnas.supernet import Interface, Supernet

K3, K5 = (Operation.of(f"mb3_k{k}", kind="mbconv", kernel=k, expansion=3) for k in (3, 5))


def test_the_prefixes_of_a_cell_hold_each_of_its_paths_once_in_order() -> None:
    for cell in macro().blocks[0].cells:
        found = [Shard(prefix=number).paths(cell) for number in range(1, len(cell.layers[0]) + 1)]
        assert list(itertools.chain(*found)) == Shard().paths(cell) == list(cell.paths())


def test_tied_layers_have_one_path_per_prefix() -> None:
    cell = Cell(24, ((K3, K5),) * 2, ties=(2,))
    assert [path.text for path in Shard(prefix=2).paths(cell)] == ["24:mb3_k5,mb3_k5"]


@pytest.mark.parametrize("interface", ["adapter", "widen"])
def test_pieces_of_any_size_are_the_rows_of_a_block_in_order(
    supernet_of: Callable[[Interface], Supernet], interface: Interface
) -> None:
    for block in supernet_of(interface):
        rows = [
            [(piece.width, path.text) for piece in Shard().pieces(block, by_prefix=by_prefix) for path in piece.paths]
            for by_prefix in (False, True)
        ]
        every = [path.text for cell in block for path in cell.cell.paths()]
        assert rows[0] == rows[1] == [(width, path) for width in block.previous_widths for path in every]
        assert len(Shard(cell=1).pieces(block)) == len(block.previous_widths)
        copied = [piece.width for piece in Shard().pieces(block) if piece.is_copied]
        later = [width for width in block.previous_widths[1:] for _ in block] if interface == "widen" else []
        assert copied == later


def test_work_is_shared_out_about_evenly_and_all_of_it() -> None:
    takers = share_out([7, 1, 1, 5, 4, 4, 2], 3)
    loads = [
        sum(size for size, taker in zip([7, 1, 1, 5, 4, 4, 2], takers, strict=True) if taker == one) for one in range(3)
    ]
    assert loads == [8, 8, 8]
    assert share_out([], 2) == []
    assert share_out([3, 3], 5) == [0, 1]
