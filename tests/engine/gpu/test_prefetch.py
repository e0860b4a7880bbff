import threading
import time
from collections.abc import Iterator

import pytest

from helixnas.engine.gpu.prefetch import DEPTH, ahead


def counting(seen: list[int], number: int = 100) -> Iterator[int]:
    for each in range(number):
        seen.append(each)
        yield each


def wait_until(condition: object, seconds: float = 10.0) -> None:
    assert callable(condition)
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    assert condition()


def test_batches_come_in_order_and_prepared() -> None:
    assert list(ahead(counting([], 7), lambda number: -number)) == [0, -1, -2, -3, -4, -5, -6]


def test_some_batches_are_read_ahead_by_another_thread() -> None:
    seen: list[int] = []
    readers: set[int] = set()

    def prepare(number: int) -> int:
        readers.add(threading.get_ident())
        return number

    batches = ahead(counting(seen), prepare)
    assert next(batches) == 0
    wait_until(lambda: len(seen) == DEPTH + 2)  # the one taken, those in the queue, and one that waits for a place
    time.sleep(0.05)
    assert len(seen) == DEPTH + 2
    batches.close()
    assert readers.isdisjoint({threading.get_ident()})


def test_an_error_is_raised_in_its_place() -> None:
    def failing() -> Iterator[int]:
        yield 1
        raise ValueError("unreadable")

    batches = ahead(failing(), abs)
    assert next(batches) == 1
    with pytest.raises(ValueError, match="^unreadable$"):
        next(batches)


def test_batches_that_are_not_wanted_any_more_are_closed_and_their_thread_ends() -> None:
    closed: list[bool] = []

    def watched() -> Iterator[int]:
        try:
            yield from counting([])
        finally:
            closed.append(True)

    before = threading.active_count()
    batches = ahead(watched(), abs)
    next(batches)
    batches.close()
    assert closed == [True]
    assert threading.active_count() == before
