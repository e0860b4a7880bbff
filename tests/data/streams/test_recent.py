"""Blocks read last: within a limit, and each process its own."""

import pickle
from types import SimpleNamespace

import pytest

from helixnas.data.streams.recent import RecentBlocks, share_of_memory


def test_a_block_is_loaded_once_while_it_is_held() -> None:
    recent, loaded = RecentBlocks(), list[int]()

    def load(number: int) -> tuple[str, int]:
        loaded.append(number)
        return f"block {number}", 10

    found = [recent.get(number, load, limit=20) for number in (1, 2, 1, 3, 1, 2)]
    assert found == [f"block {number}" for number in (1, 2, 1, 3, 1, 2)]
    assert loaded == [1, 2, 3, 2]
    assert (recent.numbers, recent.num_bytes) == ((1, 2), 20)


def test_a_block_larger_than_the_limit_is_held_alone() -> None:
    recent = RecentBlocks()
    for number in (1, 2):
        recent.get(number, lambda number: (number, 10), limit=0)
    assert recent.numbers == (2,)


def test_another_process_begins_with_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    recent = RecentBlocks()
    recent.get(1, lambda number: (number, 10), limit=50)
    assert pickle.loads(pickle.dumps(recent)).numbers == ()
    monkeypatch.setattr("helixnas.data.streams.recent.os.getpid", lambda: -5)  # as after a fork
    recent.get(2, lambda number: (number, 10), limit=50)
    assert recent.numbers == (2,)


def test_workers_share_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    assert share_of_memory(1000, 10) == 1020
    info = SimpleNamespace(num_workers=4)
    monkeypatch.setattr("torch.utils.data.get_worker_info", lambda: info)
    assert share_of_memory(1000, 10) == 270
