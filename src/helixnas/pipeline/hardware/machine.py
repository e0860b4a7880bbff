"""Machine: the cores, the memory and the GPU on which a run computes."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch

GROUPS, OWN_GROUPS = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
"""Where Linux tells the limits of control groups, such as a container or a job of Slurm, and those of this process."""

LIMITS = (("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes"))
"""Files of a group's limit and use, in version 2 and 1."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Where a run will compute."""

    num_cores: int
    memory: int
    """Bytes of memory that are free."""

    gpu: str = ""
    """Name of the GPU; empty without one."""

    gpu_memory: int = 0
    """Bytes of the GPU's memory that are free."""

    @property
    def working_memory(self) -> int:
        """Bytes that training may use: those of the device that trains."""
        return self.gpu_memory if self.gpu else self.memory

    def __str__(self) -> str:
        where = f", {self.gpu} ({self.gpu_memory / 2**30:.0f} GiB free)" if self.gpu else ", no GPU"
        return f"{self.num_cores} CPU {'core' if self.num_cores == 1 else 'cores'}, {self.memory / 2**30:.0f} GiB free{where}"


def this_machine() -> Machine:
    """Return the machine that runs this process."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not torch.cuda.is_available():
        return Machine(num_cores=cores, memory=free_memory())
    gpu, _ = torch.cuda.mem_get_info()
    return Machine(num_cores=cores, memory=free_memory(), gpu=torch.cuda.get_device_name(), gpu_memory=int(gpu))


def free_memory() -> int:
    """Return the bytes that this process may still take: those free, or fewer where its control group has a limit."""
    return min([int(psutil.virtual_memory().available), *_left_in_groups()])


def _left_in_groups() -> Iterator[int]:
    """Yield the bytes that the limit of each group of this process leaves; what files keep in memory can be given up."""
    for group in _groups():
        for limit, used in LIMITS:
            try:
                left = int((group / limit).read_text()) - int((group / used).read_text())
                stats = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
            except (OSError, ValueError):
                continue  # no such file, or "max"
            yield max(0, left + int(stats.get("inactive_file", 0)))


def _groups() -> Iterator[Path]:
    """Yield the folders of this process's control groups and of those around them."""
    try:
        lines = OWN_GROUPS.read_text().splitlines()
    except OSError:
        return  # not Linux
    for line in lines:
        _, kinds, name = line.split(":", 2)
        if kinds in ("", "memory"):
            own = Path(name.lstrip("/"))
            yield from (GROUPS / kinds / each for each in (own, *own.parents))
