"""Reading batches ahead, in a thread, while the device computes."""

import threading
from collections.abc import Callable, Generator, Iterator
from queue import Full, Queue
from typing import TypeVar

T = TypeVar("T")

DEPTH = 2
"""Batches read ahead."""

PATIENCE = 0.1
"""Seconds after which the thread looks whether its batches are still wanted."""


def ahead(batches: Iterator[T], prepare: Callable[[T], T]) -> Generator[T]:
    """Yield prepared batches in order, read and prepared by a thread; its errors are raised here, in their place.

    Closing the generator ends the thread, and closes `batches` where they are a generator.

    >>> list(ahead(iter([1, 2, 3]), lambda number: 10 * number))
    [10, 20, 30]
    """
    queue: Queue[tuple[T] | BaseException | None] = Queue(DEPTH)
    unwanted = threading.Event()

    def put(item: tuple[T] | BaseException | None) -> None:
        while not unwanted.is_set():
            try:
                return queue.put(item, timeout=PATIENCE)
            except Full:
                continue

    def read() -> None:
        try:
            for batch in batches:
                put((prepare(batch),))
                if unwanted.is_set():
                    break
            put(None)
        except BaseException as error:
            put(error)
        finally:
            if isinstance(batches, Generator):
                batches.close()

    reader = threading.Thread(target=read, name="read batches ahead", daemon=True)
    reader.start()
    try:
        while (item := queue.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item[0]
    finally:
        unwanted.set()
        reader.join()
