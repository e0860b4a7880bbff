"""RayTasks: jobs as tasks of a Ray cluster, which finds room for each and starts it again where a node is lost.

The task only starts the process of a job and waits for it, so nothing but an exit code passes through the object store.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import Any

from helixnas.errors import ConfigError, on_one_line
from helixnas.jobs.executor import Task

RETRIES = 2
"""Times that Ray starts a task again whose node or worker was lost."""

OBJECT_STORE_BYTES = 80 * 2**20
"""Shared memory of a cluster that is started here: the least that Ray accepts, since tasks exchange nothing."""


@dataclass(eq=False)
class _RayTask:
    """A task that was submitted to Ray."""

    ray: Any
    reference: Any

    def done(self) -> bool:
        return bool(self.ray.wait([self.reference], timeout=0)[0])

    def result(self) -> int:
        try:
            return int(self.ray.get(self.reference))
        except (self.ray.exceptions.RayError, KeyboardInterrupt):  # its worker was lost, or it was stopped
            return 1

    def stop(self, *, at_once: bool = False) -> None:
        self.ray.cancel(self.reference, force=at_once)


class RayTasks:
    """Runs tasks on a Ray cluster: the one at `address`, or one of this machine that lives as long as this object.

    Each task takes `num_cpus` cores, and a GPU if `wants_gpu` and the cluster has any.

    Raises `ConfigError` if Ray is not installed, or there is no cluster at the address.
    """

    def __init__(self, address: str, *, num_cpus: int, wants_gpu: bool) -> None:
        try:
            self.ray: Any = import_module("ray")
        except ModuleNotFoundError as error:
            raise ConfigError("--executor ray needs Ray: pip install 'helixnas[ray]'") from error
        own = {} if address else {"object_store_memory": OBJECT_STORE_BYTES, "include_dashboard": False}
        try:
            self.ray.init(address=address or "local", log_to_driver=False, ignore_reinit_error=True, **own)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise ConfigError(f"--executor ray{address and f':{address}'}: {on_one_line(error)}") from error
        num_gpus = 1 if wants_gpu and self.ray.cluster_resources().get("GPU", 0) else 0
        self.options = {"num_cpus": num_cpus, "num_gpus": num_gpus, "max_retries": RETRIES}

    def submit(self, task: Task) -> _RayTask:
        """Submit a task."""
        remote = self.ray.remote(**self.options)(_run)
        return _RayTask(self.ray, remote.options(name=task.name).remote(task))

    def close(self) -> None:
        """Leave the cluster."""
        self.ray.shutdown()


def _run(task: Task) -> int:
    """Run a task on the worker that Ray chose."""
    return task()
