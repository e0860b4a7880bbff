"""The folder of a run: the paths of its artifacts, its finished stages, and a lock."""

import os
import shlex
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from filelock import FileLock, Timeout

from helixnas.artifacts.files import read_text, remove, remove_abandoned, write_text
from helixnas.artifacts.run_record import RunRecord, StageRecord
from helixnas.errors import ArtifactError, ConfigError, UnknownNameError

MADE = [
    "teacher",
    "supernet",
    "ratings",
    "searches",
    "rankings",
    "baselines",
    "history",
    "checkpoints",
    "features",
    "jobs",
    "tensorboard",
    "costs",
    "costs.parquet",
    "proxies",
    "calibration",
    "report.html",
    "traceback.txt",
]
"""Files and folders of a run beside config and record."""

LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""Reads YAML in a tenth of the time where PyYAML was built with libyaml, as its wheels are."""

WORK = ".work"
"""Added to the name of a benchmark file that is being built: the folder of its trainings, like that of a run."""


class RunFolder:
    """Paths and records of one run."""

    def __init__(self, path: str | Path) -> None:
        path = Path(path)
        self.path = path
        self.config = path / "config.yaml"
        """All settings of the run, as YAML."""
        self.record = path / "record.json"
        """The finished stages (`RunRecord`)."""
        self.record_copy = path / ".record-copy.json"
        """A copy of the record, read where the record itself is damaged or gone."""
        self.teacher = path / "teacher"
        """Weights and boundaries of the teacher."""
        self.learned_teacher = path / "supernet" / "teacher"
        """Weights and boundaries of the teacher after it learned with the supernet (DNA++)."""
        self.embeddings = path / "supernet" / "embeddings.json"
        """Spread, effective rank and covariance of the embeddings at the end, by block and side (DNA++)."""
        self.costs = path / "costs.parquet"
        """Costs of every path (`CostTable`)."""
        self.latency = path / "costs/latency.parquet"
        """Measured latency of every path (`CostTable`)."""
        self.latency_report = path / "costs/latency.json"
        """How latency was measured, and how far sums are from whole networks."""
        self.stitching = path / "ratings/stitching.json"
        """Stitched architectures with their summed scores and sizes."""
        self.proxy_networks = path / "proxies/networks.json"
        """Untrained networks with their zero-cost proxies."""
        self.calibration_networks = path / "calibration/networks.json"
        """Networks that were trained shortly, and how well corrected scores rank them."""
        self.rated_moments = path / "ratings/moments.json"
        """The earlier moments of distillation that were rated so far (``distill.num_moments``)."""
        self.report = path / "report.html"
        """The page that shows the run."""
        self.tensorboard = path / "tensorboard"
        """Scalars while training."""
        self.beams = path / "supernet/kept.json"
        """The beginnings of networks that a progressive distillation kept after each block."""
        self.supernet_state = path / "supernet/state.pt"
        """State of a distillation that was stopped early, for a longer one to resume from."""
        self.features = path / "features"
        """The teacher's features of a fixed pool of views, shared by blocks and jobs; safe to remove at any time."""
        self.jobs = path / "jobs"
        """Leases, logs and parts of results of jobs on other workers."""

    def supernet_block(self, number: int, moment: int = 0) -> Path:
        """Return the weights of one block's cells at the end, or at an earlier moment, counted back from it."""
        folder = self.path / "supernet" / (f"moment-{moment}" if moment else "")
        return folder / f"block-{number}.safetensors"

    def supernet_heads(self, number: int) -> Path:
        """Return the projection heads of one block (DNA++)."""
        return self.path / "supernet" / f"heads-{number}.safetensors"

    def rating(self, number: int) -> Path:
        """Return the scores of one block's paths (`RatingTable`)."""
        return self.path / "ratings" / f"block-{number}.parquet"

    def rating_at(self, number: int, moment: int) -> Path:
        """Return the scores of one block's paths at one of several moments of distillation, counted back from the end (0)."""
        return self.path / "ratings" / f"moment-{moment}" / f"block-{number}.parquet"

    def proxy(self, number: int) -> Path:
        """Return the zero-cost proxies of one block's paths (`RatingTable`)."""
        return self.path / "proxies" / f"block-{number}.parquet"

    def calibrated(self, number: int) -> Path:
        """Return the corrected scores of one block's paths (`RatingTable`)."""
        return self.path / "calibration" / f"block-{number}.parquet"

    def history(self, stage: str) -> Path:
        """Return the losses of a stage over its steps, as Parquet."""
        return self.path / "history" / f"{stage.replace(':', '-')}.parquet"

    def block_history(self, number: int) -> Path:
        """Return the losses of one block's cells over the steps of distillation."""
        return self.history(f"distill-block-{number}")

    def checkpoint(self, stage: str) -> Path:
        """Return the unfinished state of a stage."""
        return self.path / "checkpoints" / f"{stage.replace(':', '-')}.pt"

    def lease(self, job: str) -> Path:
        """Return the file that says which worker has a job (`Lease`)."""
        return self.jobs / f"{job}.json"

    def search(self, name: str) -> Path:
        """Return the folder of a named search."""
        return self.path / "searches" / name

    def search_names(self) -> list[str]:
        """Return the names of the searches that were made, the recipe's and others."""
        return sorted(file.parent.name for file in self.path.glob("searches/*/result.json"))

    def chosen_search(self, name: str | None, *, option: str = "--search") -> str:
        """Return the name of a search that was made, which may be left out where there is only one.

        Raises:
            ArtifactError: nothing is searched yet.
            UnknownNameError: the run has no such search.
            ConfigError: there are several, and none is named; the message says how to (`option`).
        """
        names = self.search_names()
        if not names:
            raise ArtifactError(f"no search of {self.path} is finished; continue with: {self.resume_command}")
        if name is None and len(names) > 1:
            raise ConfigError(f"{self.path} has several searches; choose one with {option} {' or '.join(names)}")
        if name is not None and name not in names:
            raise UnknownNameError("search", name, names)
        return names[0] if name is None else name

    def retrained(self, name: str) -> Path:
        """Return the model folder of a named search's winner."""
        return self.search(name) / "retrained"

    def inherited(self, name: str) -> Path:
        """Return the model folder of a named search's winner that inherited the supernet's weights."""
        return self.search(name) / "inherited"

    def model(self, name: str) -> Path | None:
        """Return the folder of a named search's trained network: from scratch, else from inherited weights."""
        folders = (self.retrained(name), self.inherited(name))
        return next((folder for folder in folders if (folder / "model.safetensors").is_file()), None)

    def peers(self, name: str) -> Path:
        """Return the file of a named search's winner beside other networks of its size (`PeerComparison`)."""
        return self.search(name) / "peers.json"

    def ranking(self, benchmark: str) -> Path:
        """Return the folder of the ranking against a benchmark."""
        return self.path / "rankings" / benchmark

    def baseline(self, method: str, seed: int) -> Path:
        """Return the ratings of another method with that seed (`Baseline`)."""
        return self.path / "baselines" / f"{method}-seed{seed}.json"

    @property
    def resume_command(self) -> str:
        """The command that continues the run, whatever recipe and options it was started with."""
        return f"helixnas run {shlex.quote(str(self.config))} --out {shlex.quote(str(self.path))}"

    def exists(self) -> bool:
        """Whether there is a run here."""
        return self.record.is_file() or self.record_copy.is_file()

    def load_record(self, say: Callable[[str], None] = lambda text: None) -> RunRecord:
        """Return the record of the finished stages; `say` reports that its copy had to be read.

        Raises `ArtifactError` if there is no run, or both record and copy are damaged.
        """
        if not self.exists():
            raise ArtifactError(f"no run in {self.path}; start one with: helixnas run RECIPE --out {self.path}")
        try:
            return RunRecord.load(self.record)
        except ArtifactError as error:
            try:
                record = RunRecord.load(self.record_copy)
            except ArtifactError:
                raise error from None
            say(f"{self.record} is missing or damaged; its copy {self.record_copy.name} is used")
            return record

    def save_record(self, record: RunRecord) -> None:
        """Write the record and its copy."""
        record.save(self.record)
        record.save(self.record_copy)

    def stage_record(
        self,
        *,
        key: str,
        settings: Mapping[str, Any],
        files: Iterable[str],
        facts: Mapping[str, Any],
        seconds: float,
        core_seconds: float | None = None,
        worker_core_seconds: float | None = None,
        num_threads: int | None = None,
    ) -> StageRecord:
        """Return the record of a stage that has just finished, with the sizes of its files."""
        return StageRecord(
            key=key,
            settings=settings,
            files={name: (self.path / name).stat().st_size for name in files},
            seconds=round(seconds, 3),
            finished=datetime.now(UTC).isoformat(timespec="seconds"),
            facts=facts,
            core_seconds=None if core_seconds is None else round(core_seconds, 3),
            worker_core_seconds=None if worker_core_seconds is None else round(worker_core_seconds, 3),
            num_threads=num_threads,
        )

    def load_settings(self) -> dict[str, Any]:
        """Return the settings of the run as plain values."""
        try:
            settings = yaml.load(read_text(self.config), Loader=LOADER)
        except (yaml.YAMLError, RecursionError, ValueError) as error:
            raise ArtifactError(f"{self.config} is not YAML: {' '.join(str(error).split())}") from error
        if not isinstance(settings, dict):
            raise ArtifactError(f"{self.config} is truncated or damaged; run the recipe again with --out {self.path}")
        return settings

    def save_settings(self, settings: dict[str, Any]) -> None:
        """Write the settings of the run."""
        write_text(self.config, yaml.safe_dump(settings, sort_keys=False, width=100))

    def clear(self) -> None:
        """Remove the files of an earlier run, and nothing else."""
        for name in MADE:
            remove(self.path / name)

    @contextmanager
    def locked(self, job: str = "", *, patience: float = 0.0) -> Generator[None]:
        """Lock the folder, or one `job` in it that runs beside others; wait up to `patience` seconds for the lock.

        Raises `ArtifactError` if another process (named) holds the lock, or the folder cannot be written.
        """
        lock, owner = FileLock(self.path / f".lock{job}"), self.path / f".lock{job}-owner"
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock.acquire(timeout=patience)
        except Timeout as error:
            what = f"{self.path} ({job.strip('-')})" if job else self.path
            raise ArtifactError(
                f"{_text(owner) or 'another process'} is at work in {what}; wait for it, or choose another folder"
            ) from error
        except FileExistsError as error:
            raise ArtifactError(f"{self.path} is a file, not the folder of a run; choose another folder") from error
        except (OSError, NotImplementedError) as error:
            raise ArtifactError(f"cannot write in {self.path}: {getattr(error, 'strerror', None) or error}") from error
        try:
            remove_abandoned(self.path)
            write_text(owner, f"process {os.getpid()}\n")
            yield
        finally:
            with suppress(OSError):  # the name of a process that has gone does no harm
                owner.unlink(missing_ok=True)
            lock.release()


def _text(path: Path) -> str:
    with suppress(OSError, UnicodeDecodeError):
        return path.read_text().strip()
    return ""
