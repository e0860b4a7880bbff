"""Slurm: jobs as jobs of a Slurm cluster, submitted through submitit."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from helixnas.errors import ConfigError, on_one_line
from helixnas.jobs.executor import STOPPED, Task

MINUTES = 24 * 60
"""Time limit of a job where the options give none; submitit's own would be a few minutes."""


CLUSTERS = ("slurm", "local")
"""Where submitit can run jobs."""


@dataclass(eq=False)
class _SlurmJob:
    """A task that was submitted to Slurm."""

    job: Any
    failures: tuple[type[Exception], ...]

    def done(self) -> bool:
        return bool(self.job.done())

    def result(self) -> int:
        try:
            return int(self.job.result())
        except self.failures:  # preempted, over its time, on a node that was lost, or cancelled
            return STOPPED

    def stop(self, *, at_once: bool = False) -> None:
        self.job.cancel()


class Slurm:
    """Submits tasks to Slurm; their scripts and output go into `folder`, which all nodes must see.

    Each task takes `num_cpus` cores; the `options` are those of sbatch, such as partition, time or gpus_per_node. The `cluster`
    ``local`` is submitit's own: it runs tasks as processes of this machine, all at once, for a trial without Slurm.

    Raises:
        ConfigError: submitit is not installed, this machine submits no jobs to Slurm, or an option is unknown.
    """

    def __init__(self, folder: Path, *, num_cpus: int, options: Mapping[str, str], cluster: str = "slurm") -> None:
        try:
            submitit: Any = import_module("submitit")
        except ModuleNotFoundError as error:
            raise ConfigError("--executor slurm needs submitit: pip install 'helixnas[slurm]'") from error
        if cluster not in CLUSTERS:
            raise ConfigError(f"--executor slurm:cluster={cluster} must be {' or '.join(CLUSTERS)}")
        if cluster == "slurm" and shutil.which("sbatch") is None:
            raise ConfigError(
                "--executor slurm needs the command sbatch, which is not on the path; run it on a login node"
            )
        self.failures = (submitit.core.utils.UncompletedJobError, submitit.core.utils.FailedJobError)
        self.submitit = submitit.AutoExecutor(folder, cluster=cluster)
        given = {f"slurm_{name}": int(value) if value.isdecimal() else value for name, value in options.items()}
        try:
            self.submitit.update_parameters(cpus_per_task=num_cpus, timeout_min=MINUTES, **given)
        except (NameError, TypeError, ValueError) as error:
            raise ConfigError(f"--executor slurm: {error}") from error

    def submit(self, task: Task) -> _SlurmJob:
        """Submit a task; raises `ConfigError` if Slurm refuses it."""
        self.submitit.update_parameters(name=task.name)
        try:
            return _SlurmJob(self.submitit.submit(task), self.failures)
        except self.failures as error:
            raise ConfigError(f"--executor slurm: {on_one_line(error)}") from error

    def close(self) -> None:
        """Do nothing: Slurm holds nothing for this process."""
