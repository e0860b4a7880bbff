"""Timing all parts of a space and a few whole networks in rounds; the result is the median of each.

Every round runs each workload once: repeating one part alone would keep its weights in the cache, as in no real network,
and a temporary slowdown of the machine affects all workloads alike. Preparation takes most of the time.
"""

import gc
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from helixnas.costs.config import CostsConfig
from helixnas.costs.parts import Input, Part
from helixnas.costs.runtimes import Call, prepare, torch_threads
from helixnas.engine.cpu.allocation import keep_freed_memory
from helixnas.nn import build_seeded
from helixnas.space import Architecture
from helixnas.zoo import HelixNet

try:
    import resource
except ImportError:  # not on Windows
    resource = None

EMPTY = "empty"
"""Name of an almost empty network, which measures the overhead of a call."""

NUM_WARM_UPS = 3
"""Rounds before the first measured one."""


@dataclass(frozen=True, kw_only=True)
class Workload:
    """A network to time: its name, also that of its file, and the shape of its input, batch included."""

    name: str
    build: Callable[[], nn.Module]
    shape: tuple[int, int, int, int]


class TimingRecord(NamedTuple):
    """One step of a measurement: the number of steps done, and a description."""

    done: int
    note: str


@dataclass(eq=False)
class Timing:
    """A resumable job that prepares workloads and times them in rounds.

    Runtimes that read files keep them in the folder `files`, which the caller removes.
    """

    workloads: Sequence[Workload]
    _: KW_ONLY
    config: CostsConfig
    files: Path
    times: list[list[int]] = field(default_factory=list[list[int]], init=False)
    num_interruptions: int = field(default=0, init=False)
    """Number of times the process was preempted in measured rounds; 0 if the system does not report it."""

    @property
    def num_steps(self) -> int:
        """Number of records of an uninterrupted measurement."""
        return len(self.workloads) + self.config.num_rounds

    def state(self) -> dict[str, Any]:
        """Return the times measured so far."""
        times = torch.tensor(self.times, dtype=torch.int64).reshape(-1, len(self.workloads))
        return {"times": times, "num_interruptions": self.num_interruptions}

    def restore(self, state: dict[str, Any]) -> None:
        """Restore a `state`."""
        self.times = state["times"].tolist()
        self.num_interruptions = state["num_interruptions"]

    def __iter__(self) -> Iterator[TimingRecord]:
        """Prepare all workloads, warm up, and time each once per round."""
        calls: list[Call] = []
        keep_freed_memory()  # the usual state of a process that serves a model, whatever ran here before
        with torch_threads(self.config.num_threads):
            for number, workload in enumerate(self.workloads, start=1):
                calls.append(self._prepare(workload))
                yield TimingRecord(number, f"prepared {workload.name}")
            for _ in range(NUM_WARM_UPS):
                _one_round(calls)
            while len(self.times) < self.config.num_rounds:
                before = _interruptions()
                with _no_collection():
                    self.times.append(_one_round(calls))
                self.num_interruptions += _interruptions() - before
                done = len(self.times)
                yield TimingRecord(len(calls) + done, f"round {done} of {self.config.num_rounds}")

    def _prepare(self, workload: Workload) -> Call:
        network = build_seeded(workload.build, (0,)).eval()
        images = torch.randn(workload.shape, generator=torch.Generator().manual_seed(0))
        file = self.files / f"{workload.name}.onnx"
        return prepare(self.config.latency, network, images, num_threads=self.config.num_threads, file=file)

    def medians(self) -> dict[str, int]:
        """Return the median nanoseconds of each workload by name, after all rounds."""
        assert len(self.times) == self.config.num_rounds, "the measurement is not finished"
        medians = np.median(np.array(self.times), axis=0)
        return {workload.name: int(value) for workload, value in zip(self.workloads, medians, strict=True)}


def workloads_of(
    parts: Mapping[str, Part], networks: Mapping[str, Architecture], given: Input, *, batch_size: int
) -> list[Workload]:
    """Return all workloads: the empty network, every part, and whole networks by name."""
    empty = Workload(name=EMPTY, build=nn.ReLU, shape=(batch_size, 1, 1, 1))
    alone = [Workload(name=part.name, build=part.build, shape=part.shape(batch_size)) for part in parts.values()]
    return [empty, *alone, *(whole(name, network, given, batch_size) for name, network in networks.items())]


def whole(name: str, architecture: Architecture, given: Input, batch_size: int) -> Workload:
    """Return a whole network as a workload."""
    return Workload(
        name=name,
        build=lambda: HelixNet(architecture, num_classes=given.num_classes, in_chans=given.in_chans),
        shape=(batch_size, given.in_chans, given.image_size, given.image_size),
    )


def _one_round(calls: Sequence[Call]) -> list[int]:
    times: list[int] = []
    for call in calls:
        started = time.perf_counter_ns()
        call()
        times.append(time.perf_counter_ns() - started)
    return times


def _interruptions() -> int:
    """Return the number of times that the system has preempted this process."""
    return 0 if resource is None else resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw


@contextmanager
def _no_collection() -> Generator[None]:
    """Turn Python's garbage collector off while the context lasts."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
