"""Spread: the parts of a stage as jobs of an executor, in place of work in this process."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from helixnas.artifacts.run_folder import RunFolder
from helixnas.engine.progress import Reporter
from helixnas.jobs.choice import ExecutorChoice
from helixnas.jobs.control import Job, run_jobs
from helixnas.jobs.executor import Executor, Task
from helixnas.pipeline.hardware.macs import save_job_sizes
from helixnas.pipeline.part import Part, Size
from helixnas.pipeline.recipe import Recipe


@dataclass(frozen=True)
class Spread:
    """Where the parts of a run's stages are computed, and how large they are."""

    executor: ExecutorChoice
    size: Size = "block"

    def num_threads(self, recipe: Recipe) -> int:
        """Return the CPU threads of a worker."""
        return self.executor.threads(recipe.runtime.num_threads)

    def run(
        self,
        parts: Sequence[Part],
        recipe: Recipe,
        folder: RunFolder,
        reporter: Reporter,
        *,
        is_done: Callable[[Part], bool],
    ) -> None:
        """Compute the parts that are not done, and return when they are.

        Raises:
            JobError: some failed for good; the others are done.
            ConfigError: the executor cannot be opened.
        """
        if parts and parts[0].block:
            save_job_sizes(recipe, folder, parts[0].stage)
        jobs = [
            self.job(part.name, ["work", str(folder.path), part.name], recipe, folder, is_done=partial(is_done, part))
            for part in parts
        ]
        self.run_jobs(jobs, recipe, folder, reporter)

    def job(
        self, name: str, words: Sequence[str], recipe: Recipe, folder: RunFolder, *, is_done: Callable[[], bool]
    ) -> Job:
        """Return the job that a command of HelixNAS does; `words` are those after ``helixnas``."""
        task = task_of(folder, name, words, self.num_threads(recipe))
        return Job(task=task, checkpoint=folder.checkpoint(name), is_done=is_done)

    def run_jobs(
        self,
        jobs: Sequence[Job],
        recipe: Recipe,
        folder: RunFolder,
        reporter: Reporter,
        *,
        finished: Callable[[Job], None] = lambda job: None,
    ) -> None:
        """Run jobs on the executor; see `helixnas.jobs.control.run_jobs`."""
        executor = self.open(recipe, folder)
        try:
            run_jobs(jobs, executor, folder, reporter, finished=finished)
        finally:
            executor.close()

    def open(self, recipe: Recipe, folder: RunFolder) -> Executor:
        """Return the executor; a job takes its threads and the processes that read images, and a GPU unless the CPU is chosen."""
        num_cpus = self.num_threads(recipe) + recipe.data.num_workers
        folder.jobs.mkdir(parents=True, exist_ok=True)
        wants_gpu = recipe.runtime.device.partition(":")[0] in ("auto", "cuda")
        return self.executor.open(folder.jobs / "slurm", num_cpus=num_cpus, wants_gpu=wants_gpu)


def task_of(folder: RunFolder, name: str, words: Sequence[str], num_threads: int) -> Task:
    """Return the task that runs a command of HelixNAS with so many CPU threads."""
    return Task(
        name=name,
        command=(sys.executable, "-m", "helixnas", *words),
        folder=Path.cwd(),
        log=folder.jobs / f"{name}.log",
        environment={"OMP_NUM_THREADS": str(num_threads), "MKL_NUM_THREADS": str(num_threads)},
    )
