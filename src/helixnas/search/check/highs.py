"""HiGHS in a process of its own, which can be killed: HiGHS may overrun its time limit by minutes (docs/log.md)."""

import math
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from types import ModuleType

from helixnas.search.budget import Budget
from helixnas.search.check.milp import MilpAnswer, solve_milp
from helixnas.search.instance import Instance

SMALL = 20_000
"""Instances with at most this many architectures are solved in this process: HiGHS needs only a moment for them."""

GRACE_S = 5.0
"""Seconds beyond the time limit, for starting the process, before it is killed."""

Question = tuple[Instance, dict[str, int], dict[str, int], float, bool | None]
"""Input of the process: instance, upper and lower limits, time limit and presolve."""


def solve_within(
    instance: Instance, budget: Budget, *, time_limit_s: float = math.inf, presolve: bool | None = None
) -> MilpAnswer:
    """Call `solve_milp` and enforce its time limit: the process is killed 5 s later, and the answer is ``unknown``.

    Raises:
        UnknownNameError: the budget names a resource that the instance does not have.
        RuntimeError: HiGHS raised an error, or its process exited without an answer.
    """
    budget.check(instance.resources)
    if instance.size <= SMALL or time_limit_s == math.inf:
        return solve_milp(instance, budget, time_limit_s=time_limit_s, presolve=presolve)
    started = time.monotonic()
    found = _ask((instance, dict(budget.upper), dict(budget.lower), time_limit_s, presolve), time_limit_s + GRACE_S)
    if isinstance(found, str):
        raise RuntimeError(f"HiGHS failed: {found}")
    return found or MilpAnswer(status="unknown", seconds=time.monotonic() - started)


def _ask(question: Question, timeout_s: float) -> MilpAnswer | str | None:
    """Return the answer of a new process, its error, or None if it ran out of time or was killed."""
    context = get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(theirs, question), daemon=True)
    try:
        with ours:
            with theirs, _without_main():
                process.start()
            return ours.recv() if ours.poll(timeout_s) else None
    except (EOFError, BrokenPipeError):
        process.join()
        return None if (process.exitcode or 0) < 0 else f"its process exited with code {process.exitcode}"
    finally:
        if process.pid is not None:
            process.kill()
            process.join()
        process.close()


def _answer(pipe: Connection, question: Question) -> None:
    instance, upper, lower, time_limit_s, presolve = question
    try:
        budget = Budget(upper=upper, lower=lower)
        pipe.send(solve_milp(instance, budget, time_limit_s=time_limit_s, presolve=presolve))
    except Exception as error:
        pipe.send(f"{type(error).__name__}: {error}")


@contextmanager
def _without_main() -> Generator[None, None, None]:
    """Hide the main module from `multiprocessing`, which would import it in the new process.

    The process needs nothing from it, and a script without an ``if __name__ == "__main__"`` guard would run again.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
