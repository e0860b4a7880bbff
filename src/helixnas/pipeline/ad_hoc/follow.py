"""Follow: what all but the first of several processes do, which torchrun started with the same command.

The first does everything that a single process does. Where several can share the work, it sends the others an order, and they
take part; all other work they wait through.
"""

from collections.abc import Generator
from contextlib import contextmanager, suppress

from helixnas.engine.distributed.parallel import DataParallel, Order, current, join, leave, share
from helixnas.errors import CollapseError, JobError, NonFiniteLossError


@contextmanager
def joined() -> Generator[DataParallel | None]:
    """Meet the other processes, yield this one's place among them, and let the others go at the end."""
    place = join()
    try:
        yield place
    finally:
        if place is not None and place.rank == 0 and current() is not None:
            with suppress(JobError):  # one of them has gone
                share(None)
        leave()


def follow() -> None:
    """Take part in everything that the first process orders, until it has nothing left.

    Raises:
        JobError: another process has ended.
        Interrupted: a process was asked to stop.
    """
    nothing: Order | None = None
    while (order := share(nothing)) is not None:
        with suppress(NonFiniteLossError, CollapseError):  # the first process reports what it finds too
            order.take_part()
