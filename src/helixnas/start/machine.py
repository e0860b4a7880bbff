"""Machine: the cores, the memory and the GPU on which a run will compute."""

import os
from dataclasses import dataclass

import psutil
import torch


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
    memory = int(psutil.virtual_memory().available)
    if not torch.cuda.is_available():
        return Machine(num_cores=cores, memory=memory)
    free, _ = torch.cuda.mem_get_info()
    return Machine(num_cores=cores, memory=memory, gpu=torch.cuda.get_device_name(), gpu_memory=int(free))
