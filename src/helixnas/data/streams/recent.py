"""Blocks read last, kept in the memory of one process.

A forked or spawned worker begins without the blocks of the process that started it, so each counts its own memory.
"""

import os
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import torch


class RecentBlocks:
    """Contents of blocks by number, the least recently used of which go first.

    >>> recent = RecentBlocks()
    >>> [recent.get(number, lambda number: (str(number), 4), limit=8) for number in (1, 2, 1, 3)]
    ['1', '2', '1', '3']
    >>> recent.num_bytes, sorted(recent.numbers)
    (8, [1, 3])
    """

    def __init__(self) -> None:
        self._process = os.getpid()
        self._held: OrderedDict[int, tuple[Any, int]] = OrderedDict()

    @property
    def num_bytes(self) -> int:
        """Bytes that are held."""
        return sum(size for _, size in self._held.values())

    @property
    def numbers(self) -> tuple[int, ...]:
        """Numbers of the blocks that are held, the least recently used first."""
        return tuple(self._held)

    def get(self, number: int, load: Callable[[int], tuple[Any, int]], *, limit: int) -> Any:
        """Return the contents of a block; `load` reads them with their bytes, if they are not held.

        Afterwards at most `limit` bytes are held, or only this block.
        """
        if self._process != os.getpid():
            self._held, self._process = OrderedDict(), os.getpid()
        if number not in self._held:
            self._held[number] = load(number)
        self._held.move_to_end(number)
        while len(self._held) > 1 and self.num_bytes > limit:
            self._held.popitem(last=False)
        return self._held[number][0]

    def __getstate__(self) -> dict[str, Any]:
        return {"_process": 0, "_held": OrderedDict()}


def share_of_memory(memory: int, block: int) -> int:
    """Return the part of `memory` bytes that this process may fill if all loader workers together fill it.

    Each gets two blocks more, since the first block of a lane is still in use when the next one comes.
    """
    worker = torch.utils.data.get_worker_info()
    return memory // (1 if worker is None else worker.num_workers) + 2 * block
