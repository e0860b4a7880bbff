"""HiGHS in a process of its own: where it overlooks its time limit, as it can for minutes, it is ended.

What can be enumerated by hand in a moment is solved here, since HiGHS is not long about it either. The rest goes to a
process that reads arrays from its standard input and writes its answer as JSON.
"""

import io
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from helixnas.search.budget import Budget
from helixnas.search.check.milp import MilpAnswer, solve_milp
from helixnas.search.instance import Instance, InstanceBlock

SMALL = 20_000
"""Instances with no more architectures than this are solved in this process."""

GRACE_S = 5.0
"""Seconds beyond the time limit before the process is ended: it starts, reads, and may be about to answer."""

SCRIPT = "from helixnas.search.check.highs import answer; answer()"
"""What the process runs."""

ARRAYS = ("width_in", "width_out", "score", "costs", "order")
"""What goes over of every block."""


def solve_within(
    instance: Instance, budget: Budget, *, time_limit_s: float = math.inf, presolve: bool | None = None
) -> MilpAnswer:
    """Do what `solve_milp` does, and end it where it does not keep its time limit; then the answer is ``unknown``.

    Args:
        instance: candidates, scores and costs.
        budget: limits in whole units.
        time_limit_s: seconds for HiGHS; it is ended 5 s later.
        presolve: as in `solve_milp`.

    Raises:
        UnknownNameError: the budget names a resource that the instance does not know.
        RuntimeError: the process failed for a reason of its own.
    """
    budget.check(instance.resources)
    if instance.size <= SMALL or time_limit_s == math.inf:
        return solve_milp(instance, budget, time_limit_s=time_limit_s, presolve=presolve)
    started = time.monotonic()
    question = {
        "resources": instance.resources,
        "combine": instance.combine,
        "upper": dict(budget.upper),
        "lower": dict(budget.lower),
        "time_limit_s": time_limit_s,
        "presolve": presolve,
    }
    try:
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT],
            input=_packed(instance, question),
            capture_output=True,
            timeout=time_limit_s + GRACE_S,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
    except subprocess.TimeoutExpired:
        done = None
    if done is None or done.returncode < 0:  # ended by us, or by the system for its memory
        seconds = time.monotonic() - started
        return MilpAnswer(status="unknown", rows=None, score=None, bound=None, seconds=seconds)
    if done.returncode:
        raise RuntimeError(f"the process of HiGHS failed:\n{done.stderr.decode(errors='replace')}")
    found = json.loads(done.stdout)
    rows = None if found["rows"] is None else tuple(found["rows"])
    return MilpAnswer(
        status=found["status"], rows=rows, score=found["score"], bound=found["bound"], seconds=found["seconds"]
    )


def answer() -> None:
    """Solve what comes in on standard input, and write what HiGHS says to standard output."""
    instance, question = _unpacked(sys.stdin.buffer.read())
    budget = Budget(upper=question["upper"], lower=question["lower"])
    found = solve_milp(instance, budget, time_limit_s=question["time_limit_s"], presolve=question["presolve"])
    sys.stdout.write(json.dumps(asdict(found)))


def _packed(instance: Instance, question: Mapping[str, Any]) -> bytes:
    arrays = {f"{name}-{k}": getattr(block, name) for k, block in enumerate(instance.blocks) for name in ARRAYS}
    buffer = io.BytesIO()
    np.savez(buffer, question=np.array(json.dumps({**question, "blocks": len(instance.blocks)})), **arrays)
    return buffer.getvalue()


def _unpacked(content: bytes) -> tuple[Instance, dict[str, Any]]:
    with np.load(io.BytesIO(content)) as arrays:
        question = json.loads(str(arrays["question"]))
        blocks = [
            InstanceBlock(**{name: arrays[f"{name}-{k}"] for name in ARRAYS}) for k in range(question.pop("blocks"))
        ]
    combine, resources = tuple(question["combine"]), tuple(question["resources"])
    return Instance(blocks=tuple(blocks), resources=resources, combine=combine), question
