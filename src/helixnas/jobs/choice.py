"""Which executor runs the jobs, as the command line names it; nothing is imported or started before it is opened."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from helixnas.errors import ConfigError
from helixnas.jobs.executor import Executor
from helixnas.jobs.local import Local


@dataclass(frozen=True, kw_only=True)
class ExecutorChoice:
    """An executor that was chosen and not opened yet."""

    kind: Literal["local", "ray", "slurm"]
    num_workers: int = 0
    """Of local: processes at a time."""

    address: str = ""
    """Of ray: the cluster's address, or empty for one of this machine."""

    options: Mapping[str, str] = field(default_factory=dict[str, str])
    """Of slurm: options of sbatch; or `cluster`, ``local`` for processes of this machine that submitit starts, as a trial."""

    def threads(self, wanted: int) -> int:
        """Return the CPU threads of a worker, where the recipe wants so many or, if 0, leaves them open.

        Raises `ConfigError` if they are open and the workers may be on other machines.
        """
        if wanted:
            return wanted
        if self.kind != "local":
            raise ConfigError(
                f"--executor {self.kind} needs to know the CPU cores of a job, on which the last digits of results depend; set "
                "runtime.num_threads, for example --runtime.num_threads 4"
            )
        return max(1, num_cores() // self.num_workers)

    def open(self, folder: Path, *, num_cpus: int, wants_gpu: bool) -> Executor:
        """Return the executor; a job takes so many cores, and of Ray a GPU if it wants one. Slurm's scripts go into `folder`.

        Raises `ConfigError` if the executor is not installed or cannot be reached.
        """
        if self.kind == "local":
            return Local(self.num_workers)
        if self.kind == "ray":
            from helixnas.jobs.ray_tasks import RayTasks

            return RayTasks(self.address, num_cpus=num_cpus, wants_gpu=wants_gpu)
        from helixnas.jobs.slurm import Slurm

        options = {name: value for name, value in self.options.items() if name != "cluster"}
        return Slurm(folder, num_cpus=num_cpus, options=options, cluster=self.options.get("cluster", "slurm"))


def num_cores() -> int:
    """Return the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def parse_executor(text: str) -> ExecutorChoice:
    """Read the name of an executor: ``local:N``, ``ray``, ``ray:ADDRESS``, ``slurm`` or ``slurm:OPTION=VALUE,...``.

    >>> parse_executor("local:2").num_workers, parse_executor("ray:10.0.0.1:6379").address
    (2, '10.0.0.1:6379')
    """
    kind, _, rest = text.partition(":")
    if kind == "local" and rest.isdecimal() and int(rest) > 0:
        return ExecutorChoice(kind="local", num_workers=int(rest))
    if kind == "ray":
        return ExecutorChoice(kind="ray", address=rest)
    options = dict(part.split("=", 1) for part in rest.split(",") if "=" in part)
    if kind == "slurm" and (not rest or len(options) == len(rest.split(","))):
        return ExecutorChoice(kind="slurm", options=options)
    raise ConfigError(
        f"--executor {text!r} must be local:N (N processes of this machine), ray, ray:ADDRESS, slurm or "
        "slurm:OPTION=VALUE,... (options of sbatch, for example slurm:partition=gpu,time=600)"
    )
